// How a file is called when the user does not say.
#ifndef CAPTURE_OUTPUT_NAME_H_
#define CAPTURE_OUTPUT_NAME_H_

#include <cstdint>
#include <string>

#include "capture/engine.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// Returns "capture-WHAT-TIME.pagesnap". WHAT is COMM-PID of the first process, or root of a tree,
// that is named; the GLOB or the cgroup's last part; or "all" or "ram". Bytes outside [A-Za-z0-9_-]
// become "_". TIME is in UTC to the second, as in 20261201T004500Z. Throws Interrupted.
std::string OutputName(const Selection& selection, ProcReader& reader, int64_t wall_time_ns);

}  // namespace pagesnap

#endif  // CAPTURE_OUTPUT_NAME_H_
