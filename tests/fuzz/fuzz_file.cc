// Fuzzes opening and reading a whole file.
#include "tests/fuzz/ask_everything.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const pagesnap::InputFile file;
  file.Write(data, size);
  pagesnap::AskEverything(file.path());
  return 0;
}
