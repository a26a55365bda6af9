// Which processes a capture is about.
#ifndef CAPTURE_SELECT_H_
#define CAPTURE_SELECT_H_

#include <string>
#include <vector>

#include "capture/engine.h"
#include "lib/proc/parse_process.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// Returns what /proc/PID/stat says of the selected processes, by pid. A process that ends while we
// look was not there. Throws Error when a named pid does not exist, or when nothing matches.
std::vector<ProcessStat> SelectProcesses(const Selection& selection, ProcReader& reader);

// Returns stat of one process. Throws ReadError, or Error when the kernel wrote nonsense.
ProcessStat ReadStat(ProcReader& reader, int32_t pid);

// Returns how many pages a process has in memory, by the kernel's quick count. Throws like
// ReadStat.
uint64_t ReadResidentPages(ProcReader& reader, int32_t pid);

}  // namespace pagesnap

#endif  // CAPTURE_SELECT_H_
