// Fuzzes opening a whole file and asking it. Byte 72, which SQLite reserves and does not look at,
// chooses what is asked.
#include "tests/fuzz/ask_everything.h"
#include "tests/fuzz/one_input.h"

void TestOneInput(const uint8_t* data, size_t size) {
  using namespace pagesnap;  // NOLINT(google-build-using-namespace)
  static const InputFile file;
  file.Write(data, size);
#ifdef PAGESNAP_REPLAY
  AskEverything(file.path());
#else
  AskEverything(file.path(), size > 72 ? data[72] : 0);
#endif
}
