// What is computed over whole snapshots, once, and shared by the tables.
#ifndef LIB_QUERY_SNAPSHOT_ANALYSIS_H_
#define LIB_QUERY_SNAPSHOT_ANALYSIS_H_

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "lib/query/change_analysis.h"
#include "lib/query/frame_groups.h"
#include "lib/query/frame_user_index.h"
#include "lib/query/mapping_sharing.h"
#include "lib/query/sharing_groups.h"
#include "lib/query/snapshot_layout.h"
#include "lib/query/swap_usage.h"

namespace pagesnap {

// Of one snapshot. What is returned is computed at the first call and lives as long as this.
class SnapshotAnalysis {
 public:
  // `reader` is borrowed.
  SnapshotAnalysis(SnapshotReader& reader, int64_t snapshot_id)
      : reader_(reader), snapshot_id_(snapshot_id) {}

  [[nodiscard]] int64_t snapshot_id() const { return snapshot_id_; }
  const SnapshotLayout& layout() {
    if (!layout_) layout_.emplace(reader_, snapshot_id_);
    return *layout_;
  }
  const std::vector<FrameGroup>& frame_groups() {
    if (!frame_groups_) {
      frame_groups_ = GroupFrames(reader_.Frames(snapshot_id_), reader_.snapshot(snapshot_id_));
    }
    return *frame_groups_;
  }
  const FrameUserIndex& frame_users() {
    if (!frame_users_) frame_users_.emplace(reader_, snapshot_id_, layout());
    return *frame_users_;
  }
  const SharingGroups& sharing() {
    if (!sharing_) sharing_.emplace(reader_.Frames(snapshot_id_), layout(), frame_users());
    return *sharing_;
  }
  // By index into layout().mappings().
  const std::vector<MappingSharing>& mapping_sharing() {
    if (!mapping_sharing_) {
      mapping_sharing_ = FindMappingSharing(reader_.Frames(snapshot_id_), layout(), frame_users());
    }
    return *mapping_sharing_;
  }
  const SwapUsages& swap_usages() {
    if (!swap_usages_) swap_usages_.emplace(reader_, snapshot_id_);
    return *swap_usages_;
  }

 private:
  SnapshotReader& reader_;
  int64_t snapshot_id_;
  std::optional<SnapshotLayout> layout_;
  std::optional<std::vector<FrameGroup>> frame_groups_;
  std::optional<FrameUserIndex> frame_users_;
  std::optional<SharingGroups> sharing_;
  std::optional<std::vector<MappingSharing>> mapping_sharing_;
  std::optional<SwapUsages> swap_usages_;
};

// Keeps the analyses of the snapshots that were used last, two of them: enough to compare, and
// memory does not grow with the number of snapshots; likewise the comparisons. Cursors share what
// they work on.
class AnalysisCache {
 public:
  // `reader` is borrowed.
  explicit AnalysisCache(SnapshotReader& reader) : reader_(reader) {}

  [[nodiscard]] SnapshotReader& reader() const { return reader_; }
  std::shared_ptr<SnapshotAnalysis> Of(int64_t snapshot_id) {
    return Recent(
        &snapshots_, [&](const SnapshotAnalysis& one) { return one.snapshot_id() == snapshot_id; },
        [&] { return std::make_shared<SnapshotAnalysis>(reader_, snapshot_id); });
  }
  std::shared_ptr<ChangeAnalysis> Between(const ChangeRequest& request) {
    return Recent(
        &changes_, [&](const ChangeAnalysis& one) { return one.request() == request; },
        [&] { return std::make_shared<ChangeAnalysis>(reader_, request); });
  }

 private:
  static constexpr size_t kKept = 2;

  template <typename Analysis, typename IsWanted, typename Make>
  static std::shared_ptr<Analysis> Recent(std::list<std::shared_ptr<Analysis>>* recent,
                                          IsWanted is_wanted, Make make) {
    for (auto place = recent->begin(); place != recent->end(); ++place) {
      if (!is_wanted(**place)) continue;
      recent->splice(recent->begin(), *recent, place);
      return recent->front();
    }
    recent->push_front(make());
    if (recent->size() > kKept) recent->pop_back();
    return recent->front();
  }

  SnapshotReader& reader_;
  std::list<std::shared_ptr<SnapshotAnalysis>> snapshots_;  // the last one first
  std::list<std::shared_ptr<ChangeAnalysis>> changes_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SNAPSHOT_ANALYSIS_H_
