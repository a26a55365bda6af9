// The frames of a snapshot, grouped by what is known of them.
#ifndef LIB_QUERY_PAGES_FRAME_GROUPS_H_
#define LIB_QUERY_PAGES_FRAME_GROUPS_H_

#include <cstdint>
#include <vector>

#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

struct FrameGroup {
  FrameFacts facts;
  const Zone* zone = nullptr;  // of `snapshot`, or null
  uint64_t frame_count = 0;
};

// Returns the groups of all referenced frames, the largest first. Each frame is in one. Throws
// Error when a chunk of frames is damaged.
std::vector<FrameGroup> GroupFrames(FrameTable& frames, const SnapshotInfo& snapshot);

}  // namespace pagesnap

#endif  // LIB_QUERY_PAGES_FRAME_GROUPS_H_
