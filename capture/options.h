// The command line of capture.
#ifndef CAPTURE_OPTIONS_H_
#define CAPTURE_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "capture/engine.h"
#include "lib/base/option_help.h"

namespace pagesnap {

struct CaptureOptions {
  CaptureRequest request;
  std::string output;      // "-": standard output; "": a name is made (output_name.h)
  std::string root = "/";  // holds proc/ and sys/
  bool force = false;
  std::optional<uint64_t> max_bytes;  // of the file; empty: as far as the disk goes
  bool quiet = false;
  bool freeze = false;
  bool nice = false;
  std::optional<int64_t> interval_ns;    // set: a series; 1 ms or more
  std::vector<std::string> command;      // a program to run and capture; empty: none
  std::optional<int64_t> command_at_ns;  // when, after its start; empty: when it is about to end
  std::optional<uint64_t> count;         // snapshots of a series; empty: until interrupted
};

// Returns what --help prints.
ProgramHelp CaptureHelp();

// Returns the options, or nothing when only help or the version was asked for and printed to
// standard output. Throws UsageError.
std::optional<CaptureOptions> ParseCaptureOptions(int argc, const char* const* argv);

}  // namespace pagesnap

#endif  // CAPTURE_OPTIONS_H_
