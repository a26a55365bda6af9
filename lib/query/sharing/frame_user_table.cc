// The virtual table `frame_user`: who maps each frame.
#include "lib/query/scan/frame_scan.h"
#include "lib/query/tables.h"

namespace pagesnap {
namespace {

enum Column { kSnapshotId, kPfn, kProcessId, kMappingId, kPage };

const std::vector<TableColumn> kColumns = {
    {"snapshot_id", "INTEGER", PushDown::kEqual, Key::kSnapshot},
    {"pfn", "INTEGER", PushDown::kRange, Key::kFrame},
    {"process_id", "INTEGER"},
    {"mapping_id", "INTEGER"},
    {"page", "INTEGER"},
};

class FrameUserCursor final : public TableCursor {
 public:
  explicit FrameUserCursor(AnalysisCache& cache) : cache_(cache), scan_(cache.reader()) {}

  void Filter(const std::vector<TableConstraint>& constraints) override {
    scan_.Start(constraints);
    FindUsers();
  }
  void Next() override {
    if (++index_ < users_.size()) return;
    scan_.Next();
    FindUsers();
  }
  [[nodiscard]] bool AtEnd() const override { return scan_.AtEnd(); }

  void Column(sqlite3_context* context, int column) override {
    const FrameUser& user = users_[index_];
    switch (column) {
      case kSnapshotId:
        return Result(context, scan_.snapshot().id);
      case kPfn:
        return Result(context, static_cast<int64_t>(scan_.pfn()));
      case kProcessId:
        return Result(context, analysis_->layout().mappings()[user.mapping].process_id);
      case kMappingId:
        return Result(context, analysis_->layout().mappings()[user.mapping].id);
      default:
        return Result(context, static_cast<int64_t>(user.page));
    }
  }

 private:
  // Goes on to a frame with users: a frame may have been referenced by a chunk that was not stored.
  void FindUsers() {
    index_ = 0;
    for (; !scan_.AtEnd(); scan_.Next()) {
      if (!analysis_ || analysis_->snapshot_id() != scan_.snapshot().id) {
        analysis_ = cache_.Of(scan_.snapshot().id);
        index_of_frame_ = &analysis_->frame_users();
      }
      index_of_frame_->Find(scan_.ordinal(), &users_);
      if (!users_.empty()) return;
    }
  }

  AnalysisCache& cache_;
  FrameScan scan_;
  std::shared_ptr<SnapshotAnalysis> analysis_;
  const FrameUserIndex* index_of_frame_ = nullptr;
  std::vector<FrameUser> users_;
  size_t index_ = 0;
};

class FrameUserTable final : public VirtualTable {
 public:
  explicit FrameUserTable(AnalysisCache& cache) : cache_(cache) {}
  [[nodiscard]] const char* name() const override { return "frame_user"; }
  [[nodiscard]] const std::vector<TableColumn>& columns() const override { return kColumns; }
  [[nodiscard]] double row_count() const override { return size().pages; }
  [[nodiscard]] const ReaderSize& size() const override { return cache_.reader().size(); }
  [[nodiscard]] std::vector<int> order() const override {
    return {kSnapshotId, kPfn, kProcessId, kMappingId, kPage};
  }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<FrameUserCursor>(cache_);
  }

 private:
  AnalysisCache& cache_;
};

}  // namespace

std::unique_ptr<VirtualTable> MakeFrameUserTable(AnalysisCache& cache) {
  return std::make_unique<FrameUserTable>(cache);
}

}  // namespace pagesnap
