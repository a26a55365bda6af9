// The virtual tables `page_group` and `frame_group`.
#include "lib/query/pages/page_groups.h"
#include "lib/query/scan/frame_results.h"
#include "lib/query/scan/mapping_table.h"
#include "lib/query/tables.h"

namespace pagesnap {
namespace {

enum PageFigure {
  kFirstPage,
  kState,
  kSwapType,
  kFlags,
  kFlagNames,
  kCgroupInode,
  kNode,
  kZone,
  kPageCount,
  kKib
};

const std::vector<TableColumn> kPageColumns = WithMappingKey({{"first_page", "INTEGER"},
                                                              {"state", "TEXT"},
                                                              {"swap_type", "INTEGER"},
                                                              {"flags", "INTEGER"},
                                                              {"flag_names", "TEXT"},
                                                              {"cgroup_inode", "INTEGER"},
                                                              {"node", "INTEGER"},
                                                              {"zone", "TEXT"},
                                                              {"page_count", "INTEGER"},
                                                              {"kib", "INTEGER"}});

enum FrameColumn {
  kFrameSnapshotId,
  kFrameFlags,
  kFrameFlagNames,
  kFrameMapCount,
  kFrameCgroupInode,
  kFrameNode,
  kFrameZone,
  kFrameCount,
  kFrameKib
};

const std::vector<TableColumn> kFrameColumns = {
    {"snapshot_id", "INTEGER", PushDown::kEqual, Key::kSnapshot},
    {"flags", "INTEGER"},
    {"flag_names", "TEXT"},
    {"map_count", "INTEGER"},
    {"cgroup_inode", "INTEGER"},
    {"node", "INTEGER"},
    {"zone", "TEXT"},
    {"frame_count", "INTEGER"},
    {"kib", "INTEGER"},
};

void KibResult(sqlite3_context* context, uint64_t count, const SnapshotInfo& snapshot) {
  Result(context, static_cast<int64_t>(count * snapshot.page_size / 1024));
}

class PageGroupCursor final : public MappingCursor {
 public:
  PageGroupCursor(SnapshotReader& reader, PageGrouper& grouper)
      : MappingCursor(reader), reader_(reader), grouper_(grouper) {}

 protected:
  void Enter(std::span<const MappingInfo> mappings) override {
    snapshot_ = &reader_.snapshot(mappings.front().snapshot_id);
    grouper_.Prepare(mappings);
  }
  size_t Load(const MappingInfo& mapping) override {
    groups_ = grouper_.Groups(mapping);
    return groups_.size();
  }
  void FigureColumn(sqlite3_context* context, size_t row, int figure) override {
    const PageGroup& group = groups_[row];
    const PageKind& kind = group.kind;
    switch (figure) {
      case kFirstPage:
        return Result(context, static_cast<int64_t>(group.first_page));
      case kState:
        return NameResult(context, PageStateName(kind.state));
      case kSwapType:
        if (kind.swap_format && snapshot_->pfn_visible) Result(context, int64_t{kind.swap_type});
        return;
      case kFlags:
        return FactResult(context, kind.flags);
      case kFlagNames:
        return flag_names_.Result(context, kind.flags, snapshot_->release);
      case kCgroupInode:
        return FactResult(context, kind.cgroup);
      case kNode:
        return NodeResult(context, kind.zone);
      case kZone:
        return ZoneResult(context, kind.zone);
      case kPageCount:
        return Result(context, static_cast<int64_t>(group.page_count));
      default:
        return KibResult(context, group.page_count, *snapshot_);
    }
  }

 private:
  SnapshotReader& reader_;
  PageGrouper& grouper_;  // of the table
  const SnapshotInfo* snapshot_ = nullptr;
  FlagNames flag_names_;
  std::vector<PageGroup> groups_;  // of the mapping
};

class PageGroupTable final : public MappingTable {
 public:
  explicit PageGroupTable(SnapshotReader& reader)
      : MappingTable("page_group", kPageColumns, reader) {}
  // Pages of a mapping are of a few kinds.
  [[nodiscard]] double row_count() const override { return 4 * reader_.size().mappings; }
  [[nodiscard]] double row_cost() const override { return CostOfPages() / 4; }
  [[nodiscard]] std::vector<int> order() const override {
    return {1, 2, 3};  // process_id, mapping_id, first_page
  }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    // Kept between queries: what was grouped once is not grouped again.
    if (!grouper_) grouper_.emplace(reader_);
    return std::make_unique<PageGroupCursor>(reader_, *grouper_);
  }

 private:
  std::optional<PageGrouper> grouper_;
};

class FrameGroupCursor final : public TableCursor {
 public:
  explicit FrameGroupCursor(AnalysisCache& cache) : cache_(cache) {}

  void Filter(const std::vector<TableConstraint>& constraints) override {
    snapshot_id_.reset();
    for (const TableConstraint& constraint : constraints) {
      if (constraint.column == kFrameSnapshotId) snapshot_id_ = constraint.value.value_or(-1);
    }
    snapshot_index_ = 0;
    Load();
  }
  void Next() override {
    if (++index_ < groups_->size()) return;
    ++snapshot_index_;
    Load();
  }
  [[nodiscard]] bool AtEnd() const override {
    return snapshot_index_ >= cache_.reader().snapshots().size();
  }

  void Column(sqlite3_context* context, int column) override {
    const FrameGroup& group = (*groups_)[index_];
    switch (column) {
      case kFrameSnapshotId:
        return Result(context, snapshot().id);
      case kFrameFlags:
        return FactResult(context, group.facts.flags);
      case kFrameFlagNames:
        return flag_names_.Result(context, group.facts.flags, snapshot().release);
      case kFrameMapCount:
        return FactResult(context, group.facts.map_count);
      case kFrameCgroupInode:
        return FactResult(context, group.facts.cgroup);
      case kFrameNode:
        return NodeResult(context, group.zone);
      case kFrameZone:
        return ZoneResult(context, group.zone);
      case kFrameCount:
        return Result(context, static_cast<int64_t>(group.frame_count));
      default:
        return KibResult(context, group.frame_count, snapshot());
    }
  }

 private:
  [[nodiscard]] const SnapshotInfo& snapshot() const {
    return cache_.reader().snapshots()[snapshot_index_];
  }
  // Goes to the first snapshot, from this one on, that is wanted and has frames.
  void Load() {
    index_ = 0;
    for (; !AtEnd(); ++snapshot_index_) {
      if (snapshot_id_ && snapshot().id != *snapshot_id_) continue;
      analysis_ = cache_.Of(snapshot().id);
      groups_ = &analysis_->frame_groups();
      if (!groups_->empty()) return;
    }
  }

  AnalysisCache& cache_;
  FlagNames flag_names_;
  std::optional<int64_t> snapshot_id_;
  size_t snapshot_index_ = 0;
  std::shared_ptr<SnapshotAnalysis> analysis_;
  const std::vector<FrameGroup>* groups_ = nullptr;
  size_t index_ = 0;
};

class FrameGroupTable final : public VirtualTable {
 public:
  explicit FrameGroupTable(AnalysisCache& cache) : cache_(cache) {}
  [[nodiscard]] const char* name() const override { return "frame_group"; }
  [[nodiscard]] const std::vector<TableColumn>& columns() const override { return kFrameColumns; }
  [[nodiscard]] double row_count() const override { return 100 * size().snapshots; }
  // Every frame is looked at.
  [[nodiscard]] double row_cost() const override { return 1 + 0.05 * size().frames / row_count(); }
  [[nodiscard]] const ReaderSize& size() const override { return cache_.reader().size(); }
  [[nodiscard]] std::vector<int> order() const override { return {kFrameSnapshotId}; }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<FrameGroupCursor>(cache_);
  }

 private:
  AnalysisCache& cache_;
};

}  // namespace

std::unique_ptr<VirtualTable> MakePageGroupTable(SnapshotReader& reader) {
  return std::make_unique<PageGroupTable>(reader);
}

std::unique_ptr<VirtualTable> MakeFrameGroupTable(AnalysisCache& cache) {
  return std::make_unique<FrameGroupTable>(cache);
}

}  // namespace pagesnap
