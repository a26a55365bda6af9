#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <exception>

#include "capture/options.h"
#include "capture/run.h"
#include "lib/base/error.h"
#include "lib/proc/directory_reader.h"

int main(int argc, char** argv) {
  using namespace pagesnap;  // NOLINT(google-build-using-namespace)
  signal(SIGXFSZ, SIG_IGN);  // beyond 'ulimit -f' a write then fails, with a message, like others
  try {
    std::optional<CaptureOptions> options = ParseCaptureOptions(argc, argv);
    if (!options) return kExitOk;
    DirectoryReader reader(options->root);
    return RunCapture(*options, reader);
  } catch (const UsageError& error) {
    fmt::print(stderr, "capture: {}\nTry 'capture --help'.\n", error.what());
    return kExitUsage;
  } catch (const std::exception& error) {
    fmt::print(stderr, "capture: {}\n", error.what());
    return kExitFailed;
  }
}
