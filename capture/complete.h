// What can be typed on the command line of capture.
#ifndef CAPTURE_COMPLETE_H_
#define CAPTURE_COMPLETE_H_

#include <string>
#include <vector>

#include "lib/base/option_help.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// Returns what CompletionText() describes for the words after the program's name. Processes are
// those that `reader` shows.
std::string CompleteCapture(const std::vector<OptionHelp>& options,
                            const std::vector<std::string>& words, ProcReader& reader);

}  // namespace pagesnap

#endif  // CAPTURE_COMPLETE_H_
