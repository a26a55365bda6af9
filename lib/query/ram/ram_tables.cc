// The virtual tables `ram_group` and `ram_free_block`: all RAM of a snapshot, counted.
#include <optional>

#include "lib/query/ram/ram_groups.h"
#include "lib/query/ram/tables.h"
#include "lib/query/scan/frame_results.h"

namespace pagesnap {
namespace {

const char* OwnerName(RamOwner owner) {
  switch (owner) {
    case RamOwner::kCaptured:
      return "captured";
    case RamOwner::kOthers:
      return "others";
    case RamOwner::kNobody:
      break;
  }
  return "nobody";
}

// Goes over what `Rows` returns of the groups of each snapshot, by snapshot.
template <typename Rows>
class GroupsCursor : public TableCursor {
 public:
  explicit GroupsCursor(AnalysisCache& cache) : cache_(cache) {}

  void Filter(const std::vector<TableConstraint>& constraints) override {
    snapshot_id_.reset();
    for (const TableConstraint& constraint : constraints) {
      if (constraint.column == 0) snapshot_id_ = constraint.value.value_or(-1);
    }
    snapshot_index_ = 0;
    Load();
  }
  void Next() override {
    if (++index_ < rows_.size()) return;
    ++snapshot_index_;
    Load();
  }
  [[nodiscard]] bool AtEnd() const override {
    return snapshot_index_ >= cache_.reader().snapshots().size();
  }

 protected:
  [[nodiscard]] const SnapshotInfo& snapshot() const {
    return cache_.reader().snapshots()[snapshot_index_];
  }
  [[nodiscard]] const auto& row() const { return rows_[index_]; }

 private:
  // Goes to the first snapshot, from this one on, that is wanted and has rows.
  void Load() {
    index_ = 0;
    rows_.clear();
    for (; !AtEnd(); ++snapshot_index_) {
      if (snapshot_id_ && snapshot().id != *snapshot_id_) continue;
      groups_ = cache_.Of<RamGroups>(snapshot().id);
      rows_ = Rows::Of(*groups_);
      if (!rows_.empty()) return;
    }
  }

  AnalysisCache& cache_;
  std::optional<int64_t> snapshot_id_;
  size_t snapshot_index_ = 0;
  std::shared_ptr<RamGroups> groups_;  // of the snapshot
  typename Rows::Type rows_;
  size_t index_ = 0;
};

struct GroupRows {
  using Type = std::vector<RamGroup>;
  static Type Of(const RamGroups& groups) { return groups.groups(); }
};

struct FreeBlock {
  const Zone* zone;
  int order;
  uint64_t block_count;
};
struct FreeBlockRows {
  using Type = std::vector<FreeBlock>;
  static Type Of(const RamGroups& groups) {
    Type rows;
    for (const auto& [key, count] : groups.free_blocks()) {
      rows.push_back({key.first, key.second, count});
    }
    return rows;
  }
};

class RamGroupCursor final : public GroupsCursor<GroupRows> {
 public:
  using GroupsCursor::GroupsCursor;
  static const std::vector<CursorColumn<RamGroupCursor>> kColumns;
  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 private:
  FlagNames flag_names_;
};

const std::vector<CursorColumn<RamGroupCursor>> RamGroupCursor::kColumns = {
    {{"snapshot_id", kInteger, "", "", PushDown::kEqual, Key::kSnapshot},
     [](auto& cursor, Out out) { out(cursor.snapshot().id); }},
    {{"kind", kText}, [](auto& cursor, Out out) { out.Name(RamKindName(cursor.row().kind)); }},
    {{"owner", kText}, [](auto& cursor, Out out) { out.Name(OwnerName(cursor.row().owner)); }},
    {{"is_huge", kInteger}, [](auto& cursor, Out out) { out(cursor.row().is_huge); }},
    {{"flags", kInteger, "", "kpageflags was not read"},
     [](auto& cursor, Out out) { out(KnownFact(cursor.row().facts.flags)); }},
    {{"flag_names", kText, "", "kpageflags was not read"},
     [](auto& cursor, Out out) {
       cursor.flag_names_.Put(out, cursor.row().facts.flags, cursor.snapshot().release);
     }},
    {{"map_count", kInteger, "", "kpagecount was not read"},
     [](auto& cursor, Out out) { out(KnownFact(cursor.row().facts.map_count)); }},
    {{"cgroup_inode", kInteger, "", "kpagecgroup was not read"},
     [](auto& cursor, Out out) { out(KnownFact(cursor.row().facts.cgroup)); }},
    {{"node", kInteger, "", "in no zone"},
     [](auto& cursor, Out out) { PutNode(out, cursor.row().zone); }},
    {{"zone", kText, "", "in no zone"},
     [](auto& cursor, Out out) { PutZone(out, cursor.row().zone); }},
    {{"frame_count", kInteger}, [](auto& cursor, Out out) { out(cursor.row().frame_count); }},
    {{"kib", kInteger, "KiB"},
     [](auto& cursor, Out out) {
       out(cursor.row().frame_count * cursor.snapshot().page_size / 1024);
     }},
};

class RamFreeBlockCursor final : public GroupsCursor<FreeBlockRows> {
 public:
  using GroupsCursor::GroupsCursor;
  static const std::vector<CursorColumn<RamFreeBlockCursor>> kColumns;
  void Column(Out out, int column) override { kColumns[column].get(*this, out); }
};

const std::vector<CursorColumn<RamFreeBlockCursor>> RamFreeBlockCursor::kColumns = {
    {{"snapshot_id", kInteger, "", "", PushDown::kEqual, Key::kSnapshot},
     [](auto& cursor, Out out) { out(cursor.snapshot().id); }},
    {{"node", kInteger, "", "in no zone"},
     [](auto& cursor, Out out) { PutNode(out, cursor.row().zone); }},
    {{"zone", kText, "", "in no zone"},
     [](auto& cursor, Out out) { PutZone(out, cursor.row().zone); }},
    {{"block_order", kInteger}, [](auto& cursor, Out out) { out(cursor.row().order); }},
    {{"block_count", kInteger}, [](auto& cursor, Out out) { out(cursor.row().block_count); }},
};

// Every run is looked at, for some rows.
double CostOfRam(const ReaderSize& size) { return 1 + 0.01 * size.ram / 1000; }

}  // namespace

VirtualTable MakeRamGroupTable(AnalysisCache& cache) {
  return {.name = "ram_group",
          .columns = Describe(RamGroupCursor::kColumns),
          .order = {"snapshot_id"},
          .row_count = [](const ReaderSize& size) { return 1000 * size.snapshots; },
          .row_cost = CostOfRam,
          .open = [&cache] { return std::make_unique<RamGroupCursor>(cache); }};
}

VirtualTable MakeRamFreeBlockTable(AnalysisCache& cache) {
  return {.name = "ram_free_block",
          .columns = Describe(RamFreeBlockCursor::kColumns),
          .order = {"snapshot_id"},
          .row_count = [](const ReaderSize& size) { return 30 * size.snapshots; },
          .row_cost = CostOfRam,
          .open = [&cache] { return std::make_unique<RamFreeBlockCursor>(cache); }};
}

}  // namespace pagesnap
