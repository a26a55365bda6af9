// The capture program behind its command line.
#ifndef CAPTURE_RUN_H_
#define CAPTURE_RUN_H_

#include "capture/options.h"
#include "lib/base/error.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// Captures through `reader` into the output and prints a closing line for each snapshot: to
// standard output, or to standard error when the file goes there. Returns kExitOk or kExitWithGaps.
// Throws Error, and then nothing was written, except the complete snapshots of a series, or except
// the closing lines.
ExitCode RunCapture(const CaptureOptions& options, ProcReader& reader);

}  // namespace pagesnap

#endif  // CAPTURE_RUN_H_
