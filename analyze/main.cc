#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>
#include <optional>

#include "analyze/options.h"
#include "analyze/pager.h"
#include "analyze/run.h"
#include "analyze/terminal.h"
#include "lib/base/error.h"
#include "lib/base/limits.h"
#include "lib/base/print.h"
#include "lib/base/standard_streams.h"

int main(int argc, char** argv) {
  using namespace pagesnap;  // NOLINT(google-build-using-namespace)
  OpenStandardStreams();
  std::optional<Pager> pager;  // it shows messages, too
  try {
    PrepareLimits("analyze");
    std::optional<AnalyzeOptions> options = ParseAnalyzeOptions(argc, argv);
    ExitCode code = kExitOk;
    if (options) {
      Terminal terminal = FindTerminal(STDOUT_FILENO);
      if (terminal.is_terminal() && options->pager) pager.emplace(FindPager());
      terminal.colour = options->colour.value_or(terminal.colour);
      code = RunAnalyze(*options, terminal, stdout, stderr);
    }
    FlushOutput(stdout);
    return code;
  } catch (const UsageError& error) {
    PrintMessage(stderr, fmt::format("analyze: {}", error.what()));
    return kExitUsage;
  } catch (const std::bad_alloc&) {
    PrintMessage(stderr, "analyze: out of memory: free some, or raise the limit (ulimit -v)");
    return kExitFailed;
  } catch (const std::exception& error) {
    PrintMessage(stderr, fmt::format("analyze: {}", error.what()));
    return kExitFailed;
  }
}
