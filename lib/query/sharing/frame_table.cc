// The virtual table `frame`.
#include "lib/query/scan/frame_results.h"
#include "lib/query/scan/frame_scan.h"
#include "lib/query/tables.h"

namespace pagesnap {
namespace {

enum Column {
  kSnapshotId,
  kPfn,
  kFlags,
  kFlagNames,
  kMapCount,
  kCgroupInode,
  kNode,
  kZone,
  kUserCount
};
constexpr FactColumns kFactColumns = {kFlags, kFlagNames, kMapCount, kCgroupInode};

const std::vector<TableColumn> kColumns = {
    {"snapshot_id", "INTEGER", PushDown::kEqual, Key::kSnapshot},
    {"pfn", "INTEGER", PushDown::kRange, Key::kFrame},
    {"flags", "INTEGER"},
    {"flag_names", "TEXT"},
    {"map_count", "INTEGER"},
    {"cgroup_inode", "INTEGER"},
    {"node", "INTEGER"},
    {"zone", "TEXT"},
    {"user_count", "INTEGER"},
};

class FrameCursor final : public TableCursor {
 public:
  explicit FrameCursor(AnalysisCache& cache) : cache_(cache), scan_(cache.reader()) {}

  void Filter(const std::vector<TableConstraint>& constraints) override {
    scan_.Start(constraints);
  }
  void Next() override { scan_.Next(); }
  [[nodiscard]] bool AtEnd() const override { return scan_.AtEnd(); }

  void Column(sqlite3_context* context, int column) override {
    const FrameFacts& facts = scan_.facts();
    switch (column) {
      case kSnapshotId:
        return Result(context, scan_.snapshot().id);
      case kPfn:
        return Result(context, static_cast<int64_t>(scan_.pfn()));
      case kUserCount:
        return Result(context, UserCount());
      case kNode:
        return NodeResult(context, scan_.snapshot().ZoneOf(scan_.pfn()));
      case kZone:
        return ZoneResult(context, scan_.snapshot().ZoneOf(scan_.pfn()));
      default:
        FactColumn(context, column, kFactColumns, facts, scan_.snapshot().release, &flag_names_);
    }
  }

 private:
  // A mapping that has the frame at two addresses is one user.
  int64_t UserCount() {
    if (!analysis_ || analysis_->snapshot_id() != scan_.snapshot().id) {
      analysis_ = cache_.Of(scan_.snapshot().id);
    }
    analysis_->frame_users().Find(scan_.ordinal(), &users_);
    int64_t count = 0;
    for (size_t i = 0; i < users_.size(); ++i) {
      if (i == 0 || users_[i].mapping != users_[i - 1].mapping) ++count;
    }
    return count;
  }

  AnalysisCache& cache_;
  FlagNames flag_names_;
  FrameScan scan_;
  std::shared_ptr<SnapshotAnalysis> analysis_;
  std::vector<FrameUser> users_;
};

class FrameVirtualTable final : public VirtualTable {
 public:
  explicit FrameVirtualTable(AnalysisCache& cache) : cache_(cache) {}
  [[nodiscard]] const char* name() const override { return "frame"; }
  [[nodiscard]] const std::vector<TableColumn>& columns() const override { return kColumns; }
  [[nodiscard]] double row_count() const override { return cache_.reader().size().frames; }
  [[nodiscard]] const ReaderSize& size() const override { return cache_.reader().size(); }
  [[nodiscard]] std::vector<int> order() const override { return {kSnapshotId, kPfn}; }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<FrameCursor>(cache_);
  }

 private:
  AnalysisCache& cache_;
};

}  // namespace

std::unique_ptr<VirtualTable> MakeFrameTable(AnalysisCache& cache) {
  return std::make_unique<FrameVirtualTable>(cache);
}

}  // namespace pagesnap
