// Captures what describes the machine.
#ifndef CAPTURE_SYSTEM_CAPTURE_H_
#define CAPTURE_SYSTEM_CAPTURE_H_

#include <cstdint>
#include <set>
#include <span>

#include "capture/gap_recorder.h"
#include "lib/proc/parse_process.h"
#include "lib/proc/reader.h"
#include "lib/store/write/snapshot_writer.h"

namespace pagesnap {

// Returns the facts of the snapshot row, except `options`. `processes` are the ones to capture:
// their page words show whether PFNs are visible when our own do not, but for those of `silent`,
// which are pids that nothing is to be read of. What cannot be read is "" or unset.
SnapshotFacts ReadSnapshotFacts(ProcReader& reader, std::span<const ProcessStat> processes,
                                const std::set<int32_t>& silent);

// Adds swap devices, memory zones and meminfo. Returns the PFN behind the last one of RAM, or 0
// when the zones are unknown. `facts` are those of the snapshot; what matters and is not among them
// is a gap.
uint64_t CaptureSystem(ProcReader& reader, const SnapshotFacts& facts, SnapshotWriter& writer,
                       GapRecorder& gaps);

}  // namespace pagesnap

#endif  // CAPTURE_SYSTEM_CAPTURE_H_
