// Which processes a capture is about.
#ifndef CAPTURE_SELECT_H_
#define CAPTURE_SELECT_H_

#include <chrono>
#include <cstdint>
#include <vector>

#include "capture/engine.h"
#include "capture/inquiry.h"
#include "lib/proc/parse_process.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// How it is found out which processes do not answer.
struct Asking {
  Inquiry* inquiry = nullptr;               // borrowed; null: all do
  std::chrono::milliseconds patience = {};  // for each process
};

struct SelectedProcesses {
  std::vector<ProcessStat> processes;  // by pid
  std::vector<int32_t> seen_pids;      // all pids there were, ascending; empty when none was sought
};

// Returns what /proc/PID/stat says of the selected processes. A process that ends while we look was
// not there. Of one whose stat does not answer only what status says is known, and no start time.
// Throws Error when a named pid does not exist, or when nothing matches.
SelectedProcesses SelectProcesses(const Selection& selection, ProcReader& reader,
                                  const Asking& asking = {});

// Returns the processes that belong to the selection by now and did not exist when `before` was
// made.
std::vector<ProcessStat> SelectStarted(const Selection& selection, const SelectedProcesses& before,
                                       ProcReader& reader, const Asking& asking = {});

// Returns the pids of all processes, ascending. Throws ReadError.
std::vector<int32_t> ListPids(ProcReader& reader);

// Returns stat of one process. Throws ReadError, or Error when the kernel wrote nonsense.
ProcessStat ReadStat(ProcReader& reader, int32_t pid);

// Returns how many pages a process has in memory, by the kernel's quick count. Throws like
// ReadStat.
uint64_t ReadResidentPages(ProcReader& reader, int32_t pid);

}  // namespace pagesnap

#endif  // CAPTURE_SELECT_H_
