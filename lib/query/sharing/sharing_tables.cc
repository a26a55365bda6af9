// The virtual tables `sharing_group` and `sharing_group_member`.
#include <fmt/format.h>

#include <unordered_map>

#include "lib/query/tables.h"

namespace pagesnap {
namespace {

enum GroupColumn { kSnapshotId, kGroupId, kProcessCount, kPids, kFrameCount, kKib };
enum MemberColumn { kProcessId = kGroupId + 1, kPageCount };

const std::vector<TableColumn> kGroupColumns = {
    {"snapshot_id", "INTEGER", PushDown::kEqual, Key::kSnapshot},
    {"group_id", "INTEGER"},
    {"process_count", "INTEGER"},
    {"pids", "TEXT"},
    {"frame_count", "INTEGER"},
    {"kib", "INTEGER"},
};
const std::vector<TableColumn> kMemberColumns = {
    {"snapshot_id", "INTEGER", PushDown::kEqual, Key::kSnapshot},
    {"group_id", "INTEGER"},
    {"process_id", "INTEGER"},
    {"page_count", "INTEGER"},
};

// Goes over the groups of the snapshots; in the table of members, over the processes of each.
class SharingCursor : public TableCursor {
 public:
  explicit SharingCursor(AnalysisCache& cache) : cache_(cache) {}

  void Filter(const std::vector<TableConstraint>& constraints) override {
    snapshot_id_.reset();
    for (const TableConstraint& constraint : constraints) {
      if (constraint.column == kSnapshotId) snapshot_id_ = constraint.value.value_or(-1);
    }
    snapshot_index_ = 0;
    group_index_ = 0;
    Load();
  }
  void Next() override {
    ++group_index_;
    if (group_index_ < sharing_->groups().size()) return;
    ++snapshot_index_;
    group_index_ = 0;
    Load();
  }
  [[nodiscard]] bool AtEnd() const override {
    return snapshot_index_ >= cache_.reader().snapshots().size();
  }

 protected:
  [[nodiscard]] const SnapshotInfo& snapshot() const {
    return cache_.reader().snapshots()[snapshot_index_];
  }
  [[nodiscard]] const SharingGroup& group() const { return sharing_->groups()[group_index_]; }
  // Groups are numbered from 1 in each snapshot.
  [[nodiscard]] int64_t group_id() const { return static_cast<int64_t>(group_index_) + 1; }
  AnalysisCache& cache_;

 private:
  // Goes to the first snapshot, from this one on, that is wanted and has groups.
  void Load() {
    for (; !AtEnd(); ++snapshot_index_) {
      if (snapshot_id_ && snapshot().id != *snapshot_id_) continue;
      analysis_ = cache_.Of(snapshot().id);
      sharing_ = &analysis_->sharing();
      if (!sharing_->groups().empty()) return;
    }
  }

  std::optional<int64_t> snapshot_id_;
  size_t snapshot_index_ = 0;
  size_t group_index_ = 0;
  std::shared_ptr<SnapshotAnalysis> analysis_;
  const SharingGroups* sharing_ = nullptr;
};

class GroupCursor final : public SharingCursor {
 public:
  using SharingCursor::SharingCursor;

  void Column(sqlite3_context* context, int column) override {
    switch (column) {
      case kSnapshotId:
        return Result(context, snapshot().id);
      case kGroupId:
        return Result(context, group_id());
      case kProcessCount:
        return Result(context, static_cast<int64_t>(group().process_ids.size()));
      case kPids:
        return Result(context, PidsJson());
      case kFrameCount:
        return Result(context, static_cast<int64_t>(group().frame_count));
      default:
        return Result(context,
                      static_cast<int64_t>(group().frame_count * snapshot().page_size / 1024));
    }
  }

 private:
  std::string PidsJson() {
    std::string json = "[";
    for (int64_t process_id : group().process_ids) {
      if (json.size() > 1) json += ',';
      json += fmt::format("{}", PidOf(process_id));
    }
    return json + "]";
  }
  int64_t PidOf(int64_t process_id) {
    auto [place, is_new] = pids_.try_emplace(process_id);
    if (is_new) place->second = cache_.reader().Pid(process_id);
    return place->second;
  }

  std::unordered_map<int64_t, int64_t> pids_;
};

class MemberCursor final : public SharingCursor {
 public:
  using SharingCursor::SharingCursor;

  void Filter(const std::vector<TableConstraint>& constraints) override {
    member_ = 0;
    SharingCursor::Filter(constraints);
  }
  void Next() override {
    if (++member_ < group().process_ids.size()) return;
    member_ = 0;
    SharingCursor::Next();
  }
  void Column(sqlite3_context* context, int column) override {
    if (column == kSnapshotId) return Result(context, snapshot().id);
    if (column == kGroupId) return Result(context, group_id());
    if (column == kProcessId) return Result(context, group().process_ids[member_]);
    Result(context, static_cast<int64_t>(group().page_counts[member_]));
  }

 private:
  size_t member_ = 0;
};

template <typename Cursor>
class SharingTable final : public VirtualTable {
 public:
  SharingTable(const char* name, const std::vector<TableColumn>& columns, std::vector<int> order,
               AnalysisCache& cache)
      : name_(name), columns_(columns), order_(std::move(order)), cache_(cache) {}
  [[nodiscard]] const char* name() const override { return name_; }
  [[nodiscard]] const std::vector<TableColumn>& columns() const override { return columns_; }
  // Processes share in many ways, but in fewer than they have mappings.
  [[nodiscard]] double row_count() const override { return size().mappings; }
  [[nodiscard]] const ReaderSize& size() const override { return cache_.reader().size(); }
  [[nodiscard]] std::vector<int> order() const override { return order_; }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<Cursor>(cache_);
  }

 private:
  const char* name_;
  const std::vector<TableColumn>& columns_;
  std::vector<int> order_;
  AnalysisCache& cache_;
};

}  // namespace

std::unique_ptr<VirtualTable> MakeSharingGroupTable(AnalysisCache& cache) {
  return std::make_unique<SharingTable<GroupCursor>>(
      "sharing_group", kGroupColumns, std::vector<int>{kSnapshotId, kGroupId}, cache);
}

std::unique_ptr<VirtualTable> MakeSharingGroupMemberTable(AnalysisCache& cache) {
  return std::make_unique<SharingTable<MemberCursor>>(
      "sharing_group_member", kMemberColumns, std::vector<int>{kSnapshotId, kGroupId, kProcessId},
      cache);
}

}  // namespace pagesnap
