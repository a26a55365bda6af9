// Which processes a capture is about.
#ifndef CAPTURE_SELECT_H_
#define CAPTURE_SELECT_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
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
  // What a search finds: processes whose stat cannot be read, other than because they ended, and
  // why; borrowed. Null: that is an error.
  std::map<int32_t, std::string>* unread_stat = nullptr;
};

struct SelectedProcesses {
  std::vector<ProcessStat> processes;  // by pid
  std::vector<int32_t> seen_pids;      // all pids there were, ascending; empty when none was sought
  std::map<int32_t, int32_t> threads;  // by the number of a thread that was named: its process
};

// Returns what /proc/PID/stat says of the selected processes. A process that ends while we look was
// not there. Of one whose stat does not answer, or of which a search cannot read stat, only what
// status says is known, and no start time; if that cannot be read either, only the pid: where the
// selection does not have it for certain, it is in `unread_stat` and not among the processes. The
// number of a thread means its process. Throws Error when a named pid does not exist or has no stat
// that can be read, or when nothing matches.
SelectedProcesses SelectProcesses(const Selection& wanted, ProcReader& reader,
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
