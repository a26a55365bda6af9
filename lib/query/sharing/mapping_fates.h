// What the groups of processes of a snapshot have in memory, and what becomes of it when all
// processes of a group exit.
#ifndef LIB_QUERY_SHARING_MAPPING_FATES_H_
#define LIB_QUERY_SHARING_MAPPING_FATES_H_

#include <compare>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "lib/query/scan/analysis_cache.h"
#include "lib/query/scan/frame_fate.h"
#include "lib/query/scan/process_groups.h"
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

// The distinct frames that the processes of a group map, zero pages aside.
struct GroupFrames {
  uint64_t frames = 0;    // but for hugetlb pages
  uint64_t own = 0;       // of those: mapped by no process outside the group
  uint64_t unproven = 0;  // of those: it is not known whether another process maps them
  uint64_t hugetlb = 0;
  uint64_t unread = 0;  // whose flags are not known: they may be any of these, or none

  void Add(const GroupFrames& more) {
    frames += more.frames;
    own += more.own;
    unproven += more.unproven;
    hugetlb += more.hugetlb;
    unread += more.unread;
  }
};

// A frame that several mappings of a group have is counted in the first of them, so that sums over
// the mappings of a group count each of its frames once. Zero pages and frames that do not
// exist are nobody's memory and count nowhere.
class MappingFates {
 public:
  using Request = GroupRequest;

  // Throws Error when a content or a chunk of frames is damaged.
  MappingFates(AnalysisCache& cache, const Request& request);

  [[nodiscard]] const Request& request() const { return request_; }

  // Returns the fates of a mapping that the snapshot has, each once, in their order. They live as
  // long as this.
  [[nodiscard]] const std::vector<FateCount>& Of(const MappingInfo& mapping) const {
    return of_mapping_[layout_->IndexOf(mapping)];
  }
  // Returns what the processes of a group map.
  [[nodiscard]] GroupFrames FramesOf(int64_t group_id) const {
    const auto found = of_group_.find(group_id);
    return found == of_group_.end() ? GroupFrames() : found->second;
  }

 private:
  Request request_;
  std::shared_ptr<const SnapshotLayout> layout_;
  std::vector<std::vector<FateCount>> of_mapping_;
  std::unordered_map<int64_t, GroupFrames> of_group_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SHARING_MAPPING_FATES_H_
