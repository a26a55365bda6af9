// Captures what describes the machine.
#ifndef CAPTURE_SYSTEM_CAPTURE_H_
#define CAPTURE_SYSTEM_CAPTURE_H_

#include <cstdint>
#include <set>
#include <span>
#include <string>

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

// Adds the machine's settings and counters. Takes some milliseconds, in which a process may end:
// for the end of a capture.
void CaptureSettings(ProcReader& reader, SnapshotWriter& writer);

// Adds the names that the machine's passwd file has for the users of the processes, once these were
// added. Where there is no such file, as beside a container's view of /proc, there are none.
void CaptureUserNames(ProcReader& reader, SnapshotWriter& writer);

// Adds the lines of /proc/meminfo as facts, in place of those that were added before.
void CaptureMeminfo(ProcReader& reader, SnapshotWriter& writer, GapRecorder& gaps);

// Calls take(text) with the text of an optional file of the machine; that it cannot be read, or
// makes no sense, is a gap.
template <typename Take>
void ReadOrGap(ProcReader& reader, const std::string& path, GapRecorder& gaps, Take take) {
  const std::string source = path.substr(path.rfind('/') + 1);
  try {
    take(ReadWholeText(reader, path));
  } catch (const ReadError& error) {
    gaps.Add({.source = source, .reason = error.reason()});
  } catch (const Error& error) {
    gaps.Add({.source = source, .reason = error.what()});
  }
}

}  // namespace pagesnap

#endif  // CAPTURE_SYSTEM_CAPTURE_H_
