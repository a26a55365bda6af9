#include "capture/program.h"

#include <fmt/format.h>

#include <cstdio>

#include "capture/command.h"
#include "capture/fork_prober.h"
#include "capture/interrupt.h"
#include "capture/run.h"
#include "lib/base/error.h"
#include "lib/base/print.h"
#include "lib/proc/directory_reader.h"

namespace pagesnap {
namespace {

int Take(CaptureOptions options) {
  DirectoryReader reader(options.root, &CatchInterrupts());
  ForkProber prober(options.root, &CatchInterrupts());
  options.request.prober = &prober;
  return RunCapture(options, reader);
}

// Runs the program, whatever becomes of its capture, and returns its exit code; that of the capture
// where it is 0.
int RunAndTake(CaptureOptions options) {
  Command command(options.command, options.command_at_ns);
  int code = kExitFailed;
  if (command.RunUntilCapture()) {
    options.request.selection.pids = {command.pid()};
    options.request.at_exit = !options.command_at_ns;
    try {
      code = Take(options);
    } catch (const Error& error) {
      PrintMessage(stderr, fmt::format("capture: {}", error.what()));
    }
  } else {
    PrintMessage(stderr,
                 fmt::format("capture: {} {} before it could be captured", options.command[0],
                             options.command_at_ns ? "ended" : "was killed"));
  }
  const int status = command.RunToEnd();
  return status != 0 ? status : code;
}

}  // namespace

int RunProgram(const CaptureOptions& options) {
  return options.command.empty() ? Take(options) : RunAndTake(options);
}

}  // namespace pagesnap
