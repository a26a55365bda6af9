// Fuzzes opening and reading a whole file.
#include "tests/fuzz/ask_everything.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pagesnap::AskEverything(pagesnap::InputFile(data, size).path());
  return 0;
}
