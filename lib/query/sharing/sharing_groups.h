// Shared frames, grouped by the exact set of processes that map them.
#ifndef LIB_QUERY_SHARING_SHARING_GROUPS_H_
#define LIB_QUERY_SHARING_SHARING_GROUPS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "lib/base/large_vector.h"
#include "lib/query/scan/snapshot_layout.h"
#include "lib/query/sharing/frame_user_index.h"
#include "lib/store/read/snapshot_reader.h"

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
  // Needs 4 bytes a frame while it runs. Throws Error when a chunk of frames is damaged.
  SharingGroups(AnalysisCache& cache, int64_t snapshot_id);

  [[nodiscard]] const std::vector<SharingGroup>& groups() const { return groups_; }

 private:
  // A set of processes as a sorted list of indexes into process_ids_.
  using Set = std::vector<uint32_t>;
  class Interner;

  [[nodiscard]] const SnapshotLayout& layout() const { return users_->layout(); }
  [[nodiscard]] Set SetOf(size_t content) const;
  void FindSets(Interner* interner);
  void FindSetsOfChunk(uint64_t first_pfn, Interner* interner);
  void MakeGroups(const Interner& interner);
  void CountPages();
  void AddPages(std::vector<uint64_t>* pages);

  std::shared_ptr<const FrameUserIndex> users_;
  std::vector<int64_t> process_ids_;
  std::vector<uint32_t> process_of_mapping_;  // index into process_ids_
  std::vector<uint32_t> set_of_content_;
  LargeVector<uint32_t> group_of_frame_;  // by ordinal; while it is built, a set
  std::vector<SharingGroup> groups_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SHARING_SHARING_GROUPS_H_
