// The command line of capture.
#ifndef CAPTURE_OPTIONS_H_
#define CAPTURE_OPTIONS_H_

#include <optional>
#include <string>

#include "capture/engine.h"

namespace pagesnap {

struct CaptureOptions {
  CaptureRequest request;
  std::string output;      // "-": standard output
  std::string root = "/";  // holds proc/ and sys/
  bool force = false;
  std::optional<uint64_t> max_bytes;  // of the file; empty: as far as the disk goes
  bool quiet = false;
  bool freeze = false;
  bool nice = false;
  std::optional<double> interval_seconds;  // set: a series; 0.001 or more
  std::optional<uint64_t> count;           // snapshots of a series; empty: until interrupted
};

// Returns the options, or nothing when only help or the version was asked for and printed to
// standard output. Throws UsageError.
std::optional<CaptureOptions> ParseCaptureOptions(int argc, const char* const* argv);

}  // namespace pagesnap

#endif  // CAPTURE_OPTIONS_H_
