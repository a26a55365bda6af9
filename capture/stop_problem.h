// Why a process was not stopped, in words.
#ifndef CAPTURE_STOP_PROBLEM_H_
#define CAPTURE_STOP_PROBLEM_H_

#include <cstdint>
#include <string>

#include "capture/tracer_protocol.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// Returns what the tracer said of a process as a sentence without its subject's name, with the way
// out where there is one; "" when it was stopped. `limit_ns` is --freeze-limit. The name of another
// tracer is read through `reader`.
std::string ProblemText(const StopRecord& record, int64_t limit_ns, ProcReader& reader);

}  // namespace pagesnap

#endif  // CAPTURE_STOP_PROBLEM_H_
