// What is computed over whole snapshots, once, and shared by the tables.
#ifndef LIB_QUERY_SNAPSHOT_ANALYSIS_H_
#define LIB_QUERY_SNAPSHOT_ANALYSIS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lib/base/recent.h"
#include "lib/query/change/change_analysis.h"
#include "lib/query/pages/frame_groups.h"
#include "lib/query/scan/snapshot_layout.h"
#include "lib/query/sharing/frame_user_index.h"
#include "lib/query/sharing/mapping_sharing.h"
#include "lib/query/sharing/sharing_groups.h"
#include "lib/query/usage/swap_usage.h"

namespace pagesnap {

// Of one snapshot. What is returned is computed at the first call and lives as long as this.
class SnapshotAnalysis {
 public:
  // `reader` is borrowed.
  SnapshotAnalysis(SnapshotReader& reader, int64_t snapshot_id)
      : reader_(reader), snapshot_id_(snapshot_id) {}

  [[nodiscard]] int64_t snapshot_id() const { return snapshot_id_; }
  FrameTable& frames() {
    if (frames_ == nullptr) frames_ = reader_.Frames(snapshot_id_);
    return *frames_;
  }
  const SnapshotLayout& layout() {
    if (!layout_) layout_.emplace(reader_, snapshot_id_);
    return *layout_;
  }
  const std::vector<FrameGroup>& frame_groups() {
    if (!frame_groups_) {
      frame_groups_ = GroupFrames(frames(), reader_.snapshot(snapshot_id_));
    }
    return *frame_groups_;
  }
  const FrameUserIndex& frame_users() {
    if (!frame_users_) frame_users_.emplace(reader_, frames(), layout());
    return *frame_users_;
  }
  const SharingGroups& sharing() {
    if (!sharing_) sharing_.emplace(frames(), layout(), frame_users());
    return *sharing_;
  }
  // By index into layout().mappings().
  const std::vector<MappingSharing>& mapping_sharing() {
    if (!mapping_sharing_) {
      mapping_sharing_ = FindMappingSharing(frames(), layout(), frame_users());
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
  std::shared_ptr<FrameTable> frames_;
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
    return snapshots_.Get(
        [&](const SnapshotAnalysis& one) { return one.snapshot_id() == snapshot_id; },
        [&] { return std::make_shared<SnapshotAnalysis>(reader_, snapshot_id); });
  }
  std::shared_ptr<ChangeAnalysis> Between(const ChangeRequest& request) {
    return changes_.Get([&](const ChangeAnalysis& one) { return one.request() == request; },
                        [&] { return std::make_shared<ChangeAnalysis>(reader_, request, gaps()); });
  }

 private:
  static constexpr size_t kKept = 2;

  // Read once for all comparisons: a series has thousands of those.
  const std::shared_ptr<const PageGaps>& gaps() {
    if (gaps_ == nullptr) gaps_ = std::make_shared<PageGaps>(reader_);
    return gaps_;
  }

  SnapshotReader& reader_;
  std::shared_ptr<const PageGaps> gaps_;
  Recent<SnapshotAnalysis> snapshots_{kKept};
  Recent<ChangeAnalysis> changes_{kKept};
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SNAPSHOT_ANALYSIS_H_
