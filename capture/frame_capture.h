// Captures what the kpage files say about the frames that pages refer to.
#ifndef CAPTURE_FRAME_CAPTURE_H_
#define CAPTURE_FRAME_CAPTURE_H_

#include <cstdint>
#include <set>

#include "capture/frame_set.h"
#include "capture/gap_recorder.h"
#include "capture/progress.h"
#include "lib/proc/reader.h"
#include "lib/store/snapshot_writer.h"

namespace pagesnap {

// Reads kpageflags, kpagecount and kpagecgroup for `frames` in PFN order and adds them to the
// writer. `ram_end` is the PFN behind the last one of RAM, 0 if unknown: where a file ends there or
// later, the frames behind are said to be NOPAGE, which is what the kernel says of holes; where it
// ends earlier, they are a gap. Returns the cgroup inodes that occurred.
std::set<uint64_t> CaptureFrames(const FrameSet& frames, uint64_t ram_end, ProcReader& reader,
                                 SnapshotWriter& writer, GapRecorder& gaps, Progress& progress);

}  // namespace pagesnap

#endif  // CAPTURE_FRAME_CAPTURE_H_
