// Which processes a capture is about.
#ifndef CAPTURE_SELECT_H_
#define CAPTURE_SELECT_H_

#include <cstdint>
#include <vector>

#include "capture/engine.h"
#include "lib/proc/parse_process.h"
#include "lib/proc/reader.h"

namespace pagesnap {

struct SelectedProcesses {
  std::vector<ProcessStat> processes;  // by pid
  std::vector<int32_t> seen_pids;      // all pids there were, ascending; empty when none was sought
};

// Returns what /proc/PID/stat says of the selected processes. A process that ends while we look was
// not there. Throws Error when a named pid does not exist, or when nothing matches.
SelectedProcesses SelectProcesses(const Selection& selection, ProcReader& reader);

// Returns the processes that belong to the selection by now and did not exist when `before` was
// made.
std::vector<ProcessStat> SelectStarted(const Selection& selection, const SelectedProcesses& before,
                                       ProcReader& reader);

// Returns stat of one process. Throws ReadError, or Error when the kernel wrote nonsense.
ProcessStat ReadStat(ProcReader& reader, int32_t pid);

// Returns how many pages a process has in memory, by the kernel's quick count. Throws like
// ReadStat.
uint64_t ReadResidentPages(ProcReader& reader, int32_t pid);

}  // namespace pagesnap

#endif  // CAPTURE_SELECT_H_
