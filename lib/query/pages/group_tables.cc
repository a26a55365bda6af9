// The virtual tables `page_group` and `frame_group`.
#include "lib/query/pages/frame_groups.h"
#include "lib/query/pages/page_columns.h"
#include "lib/query/pages/page_groups.h"
#include "lib/query/pages/tables.h"
#include "lib/query/scan/frame_results.h"

namespace pagesnap {
namespace {

uint64_t KibOf(uint64_t count, const SnapshotInfo& snapshot) {
  return count * snapshot.page_size / 1024;
}

class PageGroupCursor final : public MappingCursor {
 public:
  explicit PageGroupCursor(AnalysisCache& cache)
      : MappingCursor(cache.reader()),
        reader_(cache.reader()),
        grouper_(cache.OfAll<PageGrouper>()) {}

  static const std::vector<CursorColumn<PageGroupCursor>> kColumns;

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 protected:
  void Enter(std::span<const MappingInfo> mappings) override {
    snapshot_ = &reader_.snapshot(mappings.front().snapshot_id);
    grouper_->Prepare(mappings);
  }
  size_t Load(const MappingInfo& mapping) override {
    groups_ = grouper_->Groups(mapping, cut());
    return groups_.size();
  }

 private:
  [[nodiscard]] const PageGroup& group() const { return groups_[row()]; }
  [[nodiscard]] const PageKind& kind() const { return group().kind; }

  SnapshotReader& reader_;
  // Shared by all queries: what was grouped once is not grouped again.
  std::shared_ptr<PageGrouper> grouper_;
  const SnapshotInfo* snapshot_ = nullptr;
  FlagNames flag_names_;
  std::vector<PageGroup> groups_;  // of the mapping
};

const std::vector<CursorColumn<PageGroupCursor>> PageGroupCursor::kColumns =
    WithMappingKey<PageGroupCursor>(WithPageCut<PageGroupCursor>({
        {{"first_page", kInteger}, [](auto& row, Out out) { out(row.group().first_page); }},
        {{"state", kText}, [](auto& row, Out out) { out.Name(PageStateName(row.kind().state)); }},
        {{"swap_type", kInteger, "", kNoSlot},
         [](auto& row, Out out) {
           const PageKind& kind = row.kind();
           if (kind.swap_format && row.snapshot_->pfn_visible) out(kind.swap_type);
         }},
        {{"flags", kInteger, "", kNoFacts},
         [](auto& row, Out out) { out(KnownFact(row.kind().flags)); }},
        {{"flag_names", kText, "", kNoFacts},
         [](auto& row, Out out) {
           row.flag_names_.Put(out, row.kind().flags, row.snapshot_->release);
         }},
        {{"cgroup_inode", kInteger, "", kNoFacts},
         [](auto& row, Out out) { out(KnownFact(row.kind().cgroup)); }},
        {{"node", kInteger, "", kNoZone},
         [](auto& row, Out out) { PutNode(out, row.kind().zone); }},
        {{"zone", kText, "", kNoZone}, [](auto& row, Out out) { PutZone(out, row.kind().zone); }},
        {{"page_count", kInteger}, [](auto& row, Out out) { out(row.group().page_count); }},
        {{"kib", kInteger, "KiB"},
         [](auto& row, Out out) { out(KibOf(row.group().page_count, *row.snapshot_)); }},
    }));

class FrameGroupCursor final : public TableCursor {
 public:
  explicit FrameGroupCursor(AnalysisCache& cache) : cache_(cache) {}

  static const std::vector<CursorColumn<FrameGroupCursor>> kColumns;

  void Filter(const std::vector<TableConstraint>& constraints) override {
    snapshot_id_.reset();
    for (const TableConstraint& constraint : constraints) {
      snapshot_id_ = constraint.value.value_or(-1);  // no other column is handed down
    }
    snapshot_index_ = 0;
    Load();
  }
  void Next() override {
    if (++index_ < groups_->groups().size()) return;
    ++snapshot_index_;
    Load();
  }
  [[nodiscard]] bool AtEnd() const override {
    return snapshot_index_ >= cache_.reader().snapshots().size();
  }

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 private:
  [[nodiscard]] const SnapshotInfo& snapshot() const {
    return cache_.reader().snapshots()[snapshot_index_];
  }
  [[nodiscard]] const FrameGroup& group() const { return groups_->groups()[index_]; }
  // Goes to the first snapshot, from this one on, that is wanted and has frames.
  void Load() {
    index_ = 0;
    for (; !AtEnd(); ++snapshot_index_) {
      if (snapshot_id_ && snapshot().id != *snapshot_id_) continue;
      groups_ = cache_.Of<FrameGroups>(snapshot().id);
      if (!groups_->groups().empty()) return;
    }
  }

  AnalysisCache& cache_;
  FlagNames flag_names_;
  std::optional<int64_t> snapshot_id_;
  size_t snapshot_index_ = 0;
  std::shared_ptr<FrameGroups> groups_;  // of the snapshot
  size_t index_ = 0;
};

const std::vector<CursorColumn<FrameGroupCursor>> FrameGroupCursor::kColumns = {
    {{"snapshot_id", kInteger, "", "", PushDown::kEqual, Key::kSnapshot},
     [](auto& row, Out out) { out(row.snapshot().id); }},
    {{"flags", kInteger, "", "kpageflags was not read"},
     [](auto& row, Out out) { out(KnownFact(row.group().facts.flags)); }},
    {{"flag_names", kText, "", "kpageflags was not read"},
     [](auto& row, Out out) {
       row.flag_names_.Put(out, row.group().facts.flags, row.snapshot().release);
     }},
    {{"map_count", kInteger, "", "kpagecount was not read"},
     [](auto& row, Out out) { out(KnownFact(row.group().facts.map_count)); }},
    {{"cgroup_inode", kInteger, "", "kpagecgroup was not read"},
     [](auto& row, Out out) { out(KnownFact(row.group().facts.cgroup)); }},
    {{"node", kInteger, "", "in no zone"},
     [](auto& row, Out out) { PutNode(out, row.group().zone); }},
    {{"zone", kText, "", "in no zone"}, [](auto& row, Out out) { PutZone(out, row.group().zone); }},
    {{"frame_count", kInteger}, [](auto& row, Out out) { out(row.group().frame_count); }},
    {{"kib", kInteger, "KiB"},
     [](auto& row, Out out) { out(KibOf(row.group().frame_count, row.snapshot())); }},
};

}  // namespace

VirtualTable MakePageGroupTable(AnalysisCache& cache) {
  return {.name = "page_group",
          .columns = Describe(PageGroupCursor::kColumns),
          .order = {"process_id", "mapping_id", "first_page"},
          // Pages of a mapping are of a few kinds.
          .row_count = [](const ReaderSize& size) { return 4 * size.mappings; },
          .row_cost = [](const ReaderSize& size) { return CostOfPages(size) / 4; },
          .open = [&cache] { return std::make_unique<PageGroupCursor>(cache); }};
}

VirtualTable MakeFrameGroupTable(AnalysisCache& cache) {
  constexpr double kGroupsOfSnapshot = 100;
  return {.name = "frame_group",
          .columns = Describe(FrameGroupCursor::kColumns),
          .order = {"snapshot_id"},
          .row_count = [](const ReaderSize& size) { return kGroupsOfSnapshot * size.snapshots; },
          // Every frame is looked at.
          .row_cost =
              [](const ReaderSize& size) {
                return 1 + 0.05 * size.frames / (kGroupsOfSnapshot * size.snapshots);
              },
          .open = [&cache] { return std::make_unique<FrameGroupCursor>(cache); }};
}

}  // namespace pagesnap
