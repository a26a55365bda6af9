// All RAM of a snapshot, grouped by what is known of its frames and who has them; and its free
// blocks.
#ifndef LIB_QUERY_RAM_RAM_GROUPS_H_
#define LIB_QUERY_RAM_RAM_GROUPS_H_

#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/query/ram/ram_scan.h"
#include "lib/query/scan/analysis_cache.h"

namespace pagesnap {

// Which processes map a frame. One that captured processes map may be mapped by others, too.
enum class RamOwner : uint8_t { kNobody, kCaptured, kOthers };

// Returns the owner of a frame of this kind. `is_referenced`: a captured page refers to it.
constexpr RamOwner RamOwnerOf(RamKind kind, uint64_t map_count, uint64_t flags,
                              bool is_referenced) {
  if (!IsOfUsers(kind)) return RamOwner::kNobody;
  const bool is_mapped =
      map_count == kNotRead ? flags != kNotRead && (flags & kFrameMmap) != 0 : map_count != 0;
  if (!is_mapped) return RamOwner::kNobody;
  return is_referenced ? RamOwner::kCaptured : RamOwner::kOthers;
}

struct RamGroup {
  FrameFacts facts;
  const Zone* zone = nullptr;  // of the snapshot, or null
  RamKind kind = RamKind::kUnread;
  RamOwner owner = RamOwner::kNobody;
  bool is_huge = false;  // part of a folio of PMD size or more
  uint64_t frame_count = 0;
};

class RamGroups {
 public:
  // `cache` is borrowed. Throws Error when the file is damaged.
  RamGroups(AnalysisCache& cache, int64_t snapshot_id);

  // The largest first. Each frame of RAM is in one.
  [[nodiscard]] const std::vector<RamGroup>& groups() const { return groups_; }

  // Free blocks by zone and order: the allocator joins two blocks that are free and side by side
  // where they make a larger one (mm/page_alloc.c, __free_one_page()), so that the largest aligned
  // blocks of free frames are its own. Since 4.6 all frames of a block have BUDDY.
  using FreeBlocks = std::map<std::pair<const Zone*, int>, uint64_t>;
  [[nodiscard]] const FreeBlocks& free_blocks() const { return free_blocks_; }

 private:
  std::vector<RamGroup> groups_;
  FreeBlocks free_blocks_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_RAM_RAM_GROUPS_H_
