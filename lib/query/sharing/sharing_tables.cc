// The virtual tables `sharing_group` and `sharing_group_member`.
#include <fmt/format.h>

#include <optional>
#include <string>
#include <unordered_map>

#include "lib/query/sharing/sharing_groups.h"
#include "lib/query/sharing/tables.h"

namespace pagesnap {
namespace {

// Goes over the groups of the snapshots; in the table of members, over the processes of each.
class SharingCursor : public TableCursor {
 public:
  explicit SharingCursor(AnalysisCache& cache) : cache_(cache) {}

  void Filter(const std::vector<TableConstraint>& constraints) override {
    snapshot_id_.reset();
    for (const TableConstraint& constraint : constraints) {
      snapshot_id_ = constraint.value.value_or(-1);  // no other column is handed down
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

  [[nodiscard]] const SnapshotInfo& snapshot() const {
    return cache_.reader().snapshots()[snapshot_index_];
  }
  [[nodiscard]] const SharingGroup& group() const { return sharing_->groups()[group_index_]; }
  // Groups are numbered from 1 in each snapshot.
  [[nodiscard]] size_t group_id() const { return group_index_ + 1; }

 protected:
  AnalysisCache& cache_;

 private:
  // Goes to the first snapshot, from this one on, that is wanted and has groups.
  void Load() {
    for (; !AtEnd(); ++snapshot_index_) {
      if (snapshot_id_ && snapshot().id != *snapshot_id_) continue;
      sharing_ = cache_.Of<SharingGroups>(snapshot().id);
      if (!sharing_->groups().empty()) return;
    }
  }

  std::optional<int64_t> snapshot_id_;
  size_t snapshot_index_ = 0;
  size_t group_index_ = 0;
  std::shared_ptr<SharingGroups> sharing_;
};

// Returns the columns that both tables begin with, and these behind them.
template <typename Cursor>
std::vector<CursorColumn<Cursor>> WithGroupKey(std::vector<CursorColumn<Cursor>> columns) {
  const CursorColumn<Cursor> keys[] = {
      {{"snapshot_id", kInteger, "", "", PushDown::kEqual, Key::kSnapshot},
       [](auto& row, Out out) { out(row.snapshot().id); }},
      {{"group_id", kInteger}, [](auto& row, Out out) { out(row.group_id()); }}};
  columns.insert(columns.begin(), std::begin(keys), std::end(keys));
  return columns;
}

class GroupCursor final : public SharingCursor {
 public:
  using SharingCursor::SharingCursor;

  static const std::vector<CursorColumn<GroupCursor>> kColumns;

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

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

const std::vector<CursorColumn<GroupCursor>> GroupCursor::kColumns = WithGroupKey<GroupCursor>({
    {{"process_count", kInteger}, [](auto& row, Out out) { out(row.group().process_ids.size()); }},
    {{"pids", kText}, [](auto& row, Out out) { out(std::string_view(row.PidsJson())); }},
    {{"frame_count", kInteger}, [](auto& row, Out out) { out(row.group().frame_count); }},
    {{"kib", kInteger, "KiB"},
     [](auto& row, Out out) { out(row.group().frame_count * row.snapshot().page_size / 1024); }},
});

class MemberCursor final : public SharingCursor {
 public:
  using SharingCursor::SharingCursor;

  static const std::vector<CursorColumn<MemberCursor>> kColumns;

  void Filter(const std::vector<TableConstraint>& constraints) override {
    member_ = 0;
    SharingCursor::Filter(constraints);
  }
  void Next() override {
    if (++member_ < group().process_ids.size()) return;
    member_ = 0;
    SharingCursor::Next();
  }
  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 private:
  size_t member_ = 0;
};

const std::vector<CursorColumn<MemberCursor>> MemberCursor::kColumns = WithGroupKey<MemberCursor>({
    {{"process_id", kInteger},
     [](auto& row, Out out) { out(row.group().process_ids[row.member_]); }},
    {{"page_count", kInteger},
     [](auto& row, Out out) { out(row.group().page_counts[row.member_]); }},
});

}  // namespace

// Processes share in many ways, but in fewer than they have mappings.
VirtualTable MakeSharingGroupTable(AnalysisCache& cache) {
  return {.name = "sharing_group",
          .columns = Describe(GroupCursor::kColumns),
          .order = {"snapshot_id", "group_id"},
          .row_count = [](const ReaderSize& size) { return size.mappings; },
          .open = [&cache] { return std::make_unique<GroupCursor>(cache); }};
}

VirtualTable MakeSharingGroupMemberTable(AnalysisCache& cache) {
  return {.name = "sharing_group_member",
          .columns = Describe(MemberCursor::kColumns),
          .order = {"snapshot_id", "group_id", "process_id"},
          .row_count = [](const ReaderSize& size) { return size.mappings; },
          .open = [&cache] { return std::make_unique<MemberCursor>(cache); }};
}

}  // namespace pagesnap
