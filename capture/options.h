// The command line of capture.
#ifndef CAPTURE_OPTIONS_H_
#define CAPTURE_OPTIONS_H_

#include <optional>
#include <string>

#include "capture/engine.h"

namespace pagesnap {

struct CaptureOptions {
  CaptureRequest request;
  std::string output;
  bool force = false;
  bool quiet = false;
};

// Returns the options, or nothing when only help or the version was asked for and printed to
// standard output. Throws UsageError.
std::optional<CaptureOptions> ParseCaptureOptions(int argc, const char* const* argv);

}  // namespace pagesnap

#endif  // CAPTURE_OPTIONS_H_
