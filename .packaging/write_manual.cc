// Writes a man page from the help texts of the programs, the headers of the reports and the
// comments of schema/tables.sql: write_manual capture|analyze|pagesnap >PAGE.
#include <cstdio>
#include <exception>
#include <string>

#include ".packaging/manual.h"
#include "lib/base/print.h"

int main(int argc, char** argv) {
  using namespace pagesnap;  // NOLINT(google-build-using-namespace)
  try {
    WriteOutput(stdout, ManualPage(argc == 2 ? argv[1] : ""));
    FlushOutput(stdout);
    return 0;
  } catch (const std::exception& error) {
    PrintMessage(stderr, std::string("write_manual: ") + error.what());
    return 1;
  }
}
