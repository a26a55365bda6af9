// What becomes of the frames of the mappings of a snapshot.
#ifndef LIB_QUERY_SHARING_MAPPING_FATES_H_
#define LIB_QUERY_SHARING_MAPPING_FATES_H_

#include <compare>
#include <cstdint>
#include <memory>
#include <vector>

#include "lib/query/scan/analysis_cache.h"
#include "lib/query/scan/frame_fate.h"
#include "lib/query/scan/snapshot_layout.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

struct FrameFate {
  ExitFate at_exit = ExitFate::kUnread;
  ReclaimPrice price = ReclaimPrice::kUnread;
  bool is_cold = false;

  friend auto operator<=>(const FrameFate&, const FrameFate&) = default;
};

// How many frames have a fate.
struct FateCount {
  FrameFate fate;
  uint64_t frames;
};

// A frame that several mappings of a process have is counted in the first of them, so that sums
// over the mappings of a process count each of its frames once. Zero pages and frames that do not
// exist are nobody's memory and count nowhere.
class MappingFates {
 public:
  // Throws Error when a content or a chunk of frames is damaged.
  MappingFates(AnalysisCache& cache, int64_t snapshot_id);

  // Returns the fates of a mapping that the snapshot has, each once, in their order. They live as
  // long as this.
  [[nodiscard]] const std::vector<FateCount>& Of(const MappingInfo& mapping) const {
    return of_mapping_[layout_->IndexOf(mapping)];
  }

 private:
  std::shared_ptr<const SnapshotLayout> layout_;
  std::vector<std::vector<FateCount>> of_mapping_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SHARING_MAPPING_FATES_H_
