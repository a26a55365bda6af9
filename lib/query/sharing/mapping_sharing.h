// With whom the mappings of a snapshot share their frames.
#ifndef LIB_QUERY_SHARING_MAPPING_SHARING_H_
#define LIB_QUERY_SHARING_MAPPING_SHARING_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "lib/query/scan/analysis_cache.h"
#include "lib/query/scan/snapshot_layout.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// Of one mapping. Zero pages and frames that do not exist are nobody's memory and count nowhere. A
// frame that several mappings have is counted as frame in the first of them, by process and
// address, so that sums over mappings count each once.
struct MappingSharing {
  uint64_t page_count = 0;          // present pages that are memory
  uint64_t shared_page_count = 0;   // of those: other captured processes map the frame too
  uint64_t shared_frame_count = 0;  // frames of shared pages
  // Pages whose frame is mapped more often than by the captured pages, and by how much in all.
  uint64_t outside_page_count = 0;
  uint64_t outside_map_count = 0;
  // Pages whose frame's flags or map count are not known, or do not tell (Outsiders::kUnknown): the
  // figures of pages outside are then too low.
  uint64_t unread_count = 0;
  // Counted from the captured page tables, each address space once: of the pages that RSS counts,
  // the page size divided by the pages that map the frame, in bytes << kPssShift and integer
  // division for each page; and the frames that this address space alone maps. Too high where
  // somebody else maps the frames, too.
  uint64_t exact_pss = 0;
  uint64_t exact_uss_frame_count = 0;
  uint64_t unproven_count = 0;     // pages of whose frames somebody else may be a user
  uint64_t unread_flag_count = 0;  // pages that are not counted as the flags are not known

  // Returns whether the two exact figures are known.
  [[nodiscard]] bool is_exact() const { return unproven_count == 0 && unread_flag_count == 0; }
};

// The figures of all mappings of a snapshot.
class MappingSharings {
 public:
  // Throws Error when a content or a chunk of frames is damaged.
  MappingSharings(AnalysisCache& cache, int64_t snapshot_id);

  // Returns those of a mapping that the snapshot has. They live as long as this.
  [[nodiscard]] const MappingSharing& Of(const MappingInfo& mapping) const {
    return of_mapping_[layout_->IndexOf(mapping)];
  }

 private:
  std::shared_ptr<const SnapshotLayout> layout_;
  std::vector<MappingSharing> of_mapping_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SHARING_MAPPING_SHARING_H_
