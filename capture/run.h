// The capture program behind its command line.
#ifndef CAPTURE_RUN_H_
#define CAPTURE_RUN_H_

#include "capture/options.h"
#include "lib/base/error.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// Captures through `reader` into the output file and prints the closing line. Returns kExitOk or
// kExitWithGaps. Throws Error, and there is then no output file.
ExitCode RunCapture(const CaptureOptions& options, ProcReader& reader);

}  // namespace pagesnap

#endif  // CAPTURE_RUN_H_
