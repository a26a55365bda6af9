#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <optional>

#include "analyze/options.h"
#include "analyze/run.h"
#include "analyze/terminal.h"
#include "lib/base/error.h"

int main(int argc, char** argv) {
  using namespace pagesnap;  // NOLINT(google-build-using-namespace)
  try {
    std::optional<AnalyzeOptions> options = ParseAnalyzeOptions(argc, argv);
    if (!options) return kExitOk;
    return RunAnalyze(*options, FindTerminal(STDOUT_FILENO), stdout, stderr);
  } catch (const UsageError& error) {
    fmt::print(stderr, "analyze: {}\nTry 'analyze --help'.\n", error.what());
    return kExitUsage;
  } catch (const std::exception& error) {
    fmt::print(stderr, "analyze: {}\n", error.what());
    return kExitFailed;
  }
}
