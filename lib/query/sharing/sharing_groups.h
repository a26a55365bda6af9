// Shared frames, grouped by the exact set of processes that map them.
#ifndef LIB_QUERY_SHARING_SHARING_GROUPS_H_
#define LIB_QUERY_SHARING_SHARING_GROUPS_H_

#include <cstdint>
#include <vector>

#include "lib/query/scan/analysis_cache.h"

namespace pagesnap {

struct SharingGroup {
  std::vector<int64_t> process_ids = {};  // ascending, at least two
  uint64_t frame_count = 0;
  std::vector<uint64_t> page_counts = {};  // of each process: its pages that map these frames
};

// The groups of a snapshot, the largest first. Zero pages and frames that do not exist are nobody's
// memory and in no group.
class SharingGroups {
 public:
  // Throws Error when a content or a chunk of frames is damaged.
  SharingGroups(AnalysisCache& cache, int64_t snapshot_id);

  [[nodiscard]] const std::vector<SharingGroup>& groups() const { return groups_; }

 private:
  std::vector<SharingGroup> groups_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SHARING_SHARING_GROUPS_H_
