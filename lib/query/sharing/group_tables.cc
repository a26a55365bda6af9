// The virtual tables `process_group` and `group_usage`.
#include <algorithm>
#include <memory>
#include <optional>

#include "lib/query/scan/process_groups.h"
#include "lib/query/sharing/mapping_fates.h"
#include "lib/query/sharing/tables.h"
#include "lib/query/usage/swap_usage.h"

namespace pagesnap {
namespace {

// Goes over the snapshots, and over the rows of each.
class GroupCursor : public TableCursor {
 public:
  explicit GroupCursor(AnalysisCache& cache) : cache_(cache) {}

  void Filter(const std::vector<TableConstraint>& constraints) override {
    group_by_ = GroupByOf(constraints);
    snapshot_id_.reset();
    for (const TableConstraint& constraint : constraints) {
      if (constraint.column == 0) snapshot_id_ = constraint.value.value_or(-1);
    }
    snapshot_index_ = 0;
    row_ = 0;
    Load();
  }
  void Next() override {
    if (++row_ < row_count_) return;
    row_ = 0;
    ++snapshot_index_;
    Load();
  }
  [[nodiscard]] bool AtEnd() const override {
    return snapshot_index_ >= cache_.reader().snapshots().size();
  }

  [[nodiscard]] const SnapshotInfo& snapshot() const {
    return cache_.reader().snapshots()[snapshot_index_];
  }
  [[nodiscard]] GroupBy group_by() const { return group_by_; }

 protected:
  // The scan comes to a snapshot. Returns how many rows it has.
  virtual size_t Enter(const ProcessGroups& groups) = 0;

  [[nodiscard]] AnalysisCache& cache() const { return cache_; }
  [[nodiscard]] GroupRequest request() const { return {snapshot().id, group_by_}; }
  [[nodiscard]] size_t row() const { return row_; }

 private:
  // Goes to the first snapshot, from this one on, that is wanted and has rows.
  void Load() {
    for (row_count_ = 0; !AtEnd(); ++snapshot_index_) {
      if (snapshot_id_ && snapshot().id != *snapshot_id_) continue;
      groups_ = cache_.Between<ProcessGroups>(request());
      row_count_ = Enter(*groups_);
      if (row_count_ > 0) return;
    }
  }

  AnalysisCache& cache_;
  GroupBy group_by_ = GroupBy::kProcess;
  std::optional<int64_t> snapshot_id_;
  size_t snapshot_index_ = 0;
  std::shared_ptr<const ProcessGroups> groups_;  // of the snapshot
  size_t row_ = 0;
  size_t row_count_ = 0;
};

template <typename Cursor>
CursorColumn<Cursor> SnapshotColumn() {
  return {{"snapshot_id", kInteger, "", "", PushDown::kEqual, Key::kSnapshot},
          [](auto& row, Out out) { out(row.snapshot().id); }};
}

class MemberCursor final : public GroupCursor {
 public:
  using GroupCursor::GroupCursor;

  static const std::vector<CursorColumn<MemberCursor>> kColumns;

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 protected:
  size_t Enter(const ProcessGroups& groups) override {
    members_ = &groups.members();
    return members_->size();
  }

 private:
  [[nodiscard]] const GroupMember& member() const { return (*members_)[row()]; }

  const std::vector<GroupMember>* members_ = nullptr;
};

const std::vector<CursorColumn<MemberCursor>> MemberCursor::kColumns = {
    SnapshotColumn<MemberCursor>(),
    {{"process_id", kInteger}, [](auto& row, Out out) { out(row.member().process_id); }},
    {{"group_id", kInteger}, [](auto& row, Out out) { out(row.member().group_id); }},
    {{"is_shared", kInteger}, [](auto& row, Out out) { out(row.member().is_shared ? 1 : 0); }},
    GroupByArgument<MemberCursor>(PushDown::kRequired),
};

class UsageCursor final : public GroupCursor {
 public:
  using GroupCursor::GroupCursor;

  static const std::vector<CursorColumn<UsageCursor>> kColumns;

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 protected:
  size_t Enter(const ProcessGroups& groups) override {
    group_ids_.clear();
    for (const GroupMember& member : groups.members()) group_ids_.push_back(member.group_id);
    std::sort(group_ids_.begin(), group_ids_.end());
    group_ids_.erase(std::unique(group_ids_.begin(), group_ids_.end()), group_ids_.end());
    if (snapshot().pfn_visible) {
      fates_ = cache().Between<MappingFates>(request());
      swap_ = cache().Between<SwapUsages>(request());
    }
    return group_ids_.size();
  }

 private:
  [[nodiscard]] int64_t group_id() const { return group_ids_[row()]; }
  // No value where PFNs were hidden.
  [[nodiscard]] std::optional<GroupFrames> frames() const {
    return snapshot().pfn_visible ? std::optional(fates_->FramesOf(group_id())) : std::nullopt;
  }

  std::vector<int64_t> group_ids_;
  std::shared_ptr<const MappingFates> fates_;
  std::shared_ptr<const SwapUsages> swap_;
};

constexpr const char* kNotAll = "PFNs were hidden, or flags not read";

const std::vector<CursorColumn<UsageCursor>> UsageCursor::kColumns = {
    SnapshotColumn<UsageCursor>(),
    {{"group_id", kInteger}, [](auto& row, Out out) { out(row.group_id()); }},
    {{"frame_count", kInteger, "", kNotAll},
     [](auto& row, Out out) {
       if (const auto frames = row.frames(); frames && frames->unread == 0) out(frames->frames);
     }},
    {{"own_frame_count", kInteger, "", "likewise, or map counts do not tell"},
     [](auto& row, Out out) {
       const auto frames = row.frames();
       if (frames && frames->unread == 0 && frames->unproven == 0) out(frames->own);
     }},
    {{"hugetlb_frame_count", kInteger, "", kNotAll},
     [](auto& row, Out out) {
       if (const auto frames = row.frames(); frames && frames->unread == 0) out(frames->hugetlb);
     }},
    {{"slot_count", kInteger, "", "slots were hidden"},
     [](auto& row, Out out) {
       if (row.snapshot().pfn_visible) out(row.swap_->SlotCountOf(row.group_id()));
     }},
    GroupByArgument<UsageCursor>(PushDown::kRequired),
};

template <typename Cursor>
VirtualTable MakeGroupTable(AnalysisCache& cache, const char* name) {
  return {.name = name,
          .columns = Describe(Cursor::kColumns),
          .row_count = [](const ReaderSize& size) { return size.processes; },
          .open = [&cache] { return std::make_unique<Cursor>(cache); }};
}

}  // namespace

VirtualTable MakeProcessGroupTable(AnalysisCache& cache) {
  return MakeGroupTable<MemberCursor>(cache, "process_group");
}

VirtualTable MakeGroupUsageTable(AnalysisCache& cache) {
  return MakeGroupTable<UsageCursor>(cache, "group_usage");
}

}  // namespace pagesnap
