#include <fmt/format.h>
#include <malloc.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

#include "capture/options.h"
#include "capture/program.h"
#include "lib/base/error.h"
#include "lib/base/limits.h"
#include "lib/base/print.h"
#include "lib/base/standard_streams.h"

namespace {

// Memory that was used once is used again: what capture holds is bounded, and giving it back and
// taking it again costs a page fault for each page, and mmap_lock for both threads.
void KeepFreedMemory() {
  constexpr int kBytes = 32 << 20;
  mallopt(M_MMAP_THRESHOLD, kBytes);
  mallopt(M_TRIM_THRESHOLD, kBytes);
  mallopt(M_TOP_PAD, 256 << 10);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace pagesnap;  // NOLINT(google-build-using-namespace)
  OpenStandardStreams();
  KeepFreedMemory();
  signal(SIGXFSZ, SIG_IGN);  // beyond 'ulimit -f' a write then fails, with a message, like others
  try {
    PrepareLimits("capture");
    std::optional<CaptureOptions> options = ParseCaptureOptions(argc, argv);
    if (options) return RunProgram(*options);
    FlushOutput(stdout);
    return kExitOk;
  } catch (const UsageError& error) {
    PrintMessage(stderr, fmt::format("capture: {}", error.what()));
    return kExitUsage;
  } catch (const std::bad_alloc&) {
    PrintMessage(stderr, "capture: out of memory: free some, or raise the limit (ulimit -v)");
    return kExitFailed;
  } catch (const std::exception& error) {
    PrintMessage(stderr, fmt::format("capture: {}", error.what()));
    return kExitFailed;
  }
}
