// The frames of a snapshot, grouped by what is known of them.
#ifndef LIB_QUERY_PAGES_FRAME_GROUPS_H_
#define LIB_QUERY_PAGES_FRAME_GROUPS_H_

#include <cstdint>
#include <vector>

#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

struct FrameGroup {
  FrameFacts facts;
  const Zone* zone = nullptr;  // of the snapshot, or null
  uint64_t frame_count = 0;
};

// The groups of all referenced frames of a snapshot. Each frame is in one.
class FrameGroups {
 public:
  // `reader` is borrowed. Throws Error when a chunk of frames is damaged.
  FrameGroups(SnapshotReader& reader, int64_t snapshot_id);

  // The largest first.
  [[nodiscard]] const std::vector<FrameGroup>& groups() const { return groups_; }

 private:
  std::vector<FrameGroup> groups_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_PAGES_FRAME_GROUPS_H_
