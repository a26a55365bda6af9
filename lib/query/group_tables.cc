// The virtual tables `page_group` and `frame_group`.
#include "lib/kernel/frame_flags.h"
#include "lib/query/page_groups.h"
#include "lib/query/scan.h"
#include "lib/query/tables.h"

namespace pagesnap {
namespace {

enum PageColumn {
  kSnapshotId,
  kProcessId,
  kMappingId,
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

const std::vector<TableColumn> kPageColumns = {
    {"snapshot_id", "INTEGER", PushDown::kEqual, Key::kSnapshot},
    {"process_id", "INTEGER", PushDown::kEqual, Key::kProcess},
    {"mapping_id", "INTEGER", PushDown::kEqual, Key::kMapping},
    {"first_page", "INTEGER"},
    {"state", "TEXT"},
    {"swap_type", "INTEGER"},
    {"flags", "INTEGER"},
    {"flag_names", "TEXT"},
    {"cgroup_inode", "INTEGER"},
    {"node", "INTEGER"},
    {"zone", "TEXT"},
    {"page_count", "INTEGER"},
    {"kib", "INTEGER"},
};

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

void FactResult(sqlite3_context* context, uint64_t value) {
  if (value != kNotRead) Result(context, static_cast<int64_t>(value));
}

void FlagNamesResult(sqlite3_context* context, uint64_t flags, const SnapshotInfo& snapshot) {
  if (flags != kNotRead) Result(context, FrameFlagNames(flags, snapshot.release));
}

void KibResult(sqlite3_context* context, uint64_t count, const SnapshotInfo& snapshot) {
  Result(context, static_cast<int64_t>(count * snapshot.page_size / 1024));
}

class PageGroupCursor final : public TableCursor {
 public:
  PageGroupCursor(SnapshotReader& reader, PageGrouper& grouper)
      : reader_(reader), grouper_(grouper), scan_(reader) {}

  void Filter(const std::vector<TableConstraint>& constraints) override {
    scan_.Start(constraints);
    process_id_ = 0;
    groups_.clear();
    index_ = 0;
    Next();
  }
  void Next() override {
    if (++index_ < groups_.size()) return;
    do {
      at_end_ = !scan_.Next();
      if (at_end_) return;
      if (scan_.mapping().process_id != process_id_) {
        process_id_ = scan_.mapping().process_id;
        snapshot_ = &reader_.snapshot(scan_.mapping().snapshot_id);
        grouper_.Prepare(scan_.mappings());
      }
      groups_ = grouper_.Groups(scan_.mapping());
    } while (groups_.empty());
    index_ = 0;
  }
  [[nodiscard]] bool AtEnd() const override { return at_end_; }

  void Column(sqlite3_context* context, int column) override {
    const PageGroup& group = groups_[index_];
    const PageKind& kind = group.kind;
    switch (column) {
      case kSnapshotId:
        return Result(context, scan_.mapping().snapshot_id);
      case kProcessId:
        return Result(context, scan_.mapping().process_id);
      case kMappingId:
        return Result(context, scan_.mapping().id);
      case kFirstPage:
        return Result(context, static_cast<int64_t>(group.first_page));
      case kState:
        return Result(context, std::string_view(PageStateName(kind.state)));
      case kSwapType:
        if (kind.swap_format && snapshot_->pfn_visible) Result(context, int64_t{kind.swap_type});
        return;
      case kFlags:
        return FactResult(context, kind.flags);
      case kFlagNames:
        return FlagNamesResult(context, kind.flags, *snapshot_);
      case kCgroupInode:
        return FactResult(context, kind.cgroup);
      case kNode:
        if (kind.zone != nullptr) Result(context, kind.zone->node);
        return;
      case kZone:
        if (kind.zone != nullptr) Result(context, kind.zone->name);
        return;
      case kPageCount:
        return Result(context, static_cast<int64_t>(group.page_count));
      default:
        return KibResult(context, group.page_count, *snapshot_);
    }
  }

 private:
  SnapshotReader& reader_;
  PageGrouper& grouper_;  // of the table
  MappingScan scan_;
  const SnapshotInfo* snapshot_ = nullptr;
  int64_t process_id_ = 0;
  std::vector<PageGroup> groups_;  // of the mapping
  size_t index_ = 0;
  bool at_end_ = true;
};

class PageGroupTable final : public VirtualTable {
 public:
  explicit PageGroupTable(SnapshotReader& reader) : reader_(reader) {}
  [[nodiscard]] const char* name() const override { return "page_group"; }
  [[nodiscard]] const std::vector<TableColumn>& columns() const override { return kPageColumns; }
  // Pages of a mapping are of a few kinds.
  [[nodiscard]] double row_count() const override { return 4 * reader_.size().mappings; }
  // Every page is looked at.
  [[nodiscard]] double row_cost() const override { return 1 + 0.1 * size().pages / row_count(); }
  [[nodiscard]] const ReaderSize& size() const override { return reader_.size(); }
  [[nodiscard]] std::vector<int> order() const override {
    return {kProcessId, kMappingId, kFirstPage};
  }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    // Kept between queries: what was grouped once is not grouped again.
    if (!grouper_) grouper_.emplace(reader_);
    return std::make_unique<PageGroupCursor>(reader_, *grouper_);
  }

 private:
  SnapshotReader& reader_;
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
        return FlagNamesResult(context, group.facts.flags, snapshot());
      case kFrameMapCount:
        return FactResult(context, group.facts.map_count);
      case kFrameCgroupInode:
        return FactResult(context, group.facts.cgroup);
      case kFrameNode:
        if (group.zone != nullptr) Result(context, group.zone->node);
        return;
      case kFrameZone:
        if (group.zone != nullptr) Result(context, group.zone->name);
        return;
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
