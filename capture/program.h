// The capture program on this machine, once its command line is understood.
#ifndef CAPTURE_PROGRAM_H_
#define CAPTURE_PROGRAM_H_

#include "capture/options.h"

namespace pagesnap {

// Captures what the options say, and runs their program if there is one. Returns the exit code.
// Throws as RunCapture() and Command do.
int RunProgram(const CaptureOptions& options);

}  // namespace pagesnap

#endif  // CAPTURE_PROGRAM_H_
