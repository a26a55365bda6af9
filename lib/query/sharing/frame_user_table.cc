// The virtual table `frame_user`: who maps each frame.
#include "lib/query/scan/frame_scan.h"
#include "lib/query/sharing/frame_user_index.h"
#include "lib/query/sharing/tables.h"

namespace pagesnap {
namespace {

class FrameUserCursor final : public TableCursor {
 public:
  explicit FrameUserCursor(AnalysisCache& cache) : cache_(cache), scan_(cache.reader()) {}

  static const std::vector<CursorColumn<FrameUserCursor>> kColumns;

  void Filter(const std::vector<TableConstraint>& constraints) override {
    scan_.Start(constraints);
    FindUsers();
  }
  void Next() override {
    if (++next_ < users_.size()) return;
    scan_.Next();
    FindUsers();
  }
  [[nodiscard]] bool AtEnd() const override { return scan_.AtEnd(); }
  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 private:
  // Goes on to a frame with users: a frame may have been referenced by a chunk that was not stored.
  void FindUsers() {
    next_ = 0;
    for (; !scan_.AtEnd(); scan_.Next()) {
      if (!index_ || index_of_ != scan_.snapshot().id) {
        index_of_ = scan_.snapshot().id;
        index_ = cache_.Of<FrameUserIndex>(index_of_);
      }
      index_->Find(scan_.ordinal(), &users_);
      if (!users_.empty()) return;
    }
  }
  [[nodiscard]] const FrameUser& user() const { return users_[next_]; }
  [[nodiscard]] const MappingInfo& mapping() const {
    return index_->layout().mappings()[user().mapping];
  }

  AnalysisCache& cache_;
  FrameScan scan_;
  std::shared_ptr<FrameUserIndex> index_;
  int64_t index_of_ = 0;  // a snapshot
  std::vector<FrameUser> users_;
  size_t next_ = 0;
};

const std::vector<CursorColumn<FrameUserCursor>> FrameUserCursor::kColumns = {
    {{"snapshot_id", kInteger, "", "", PushDown::kEqual, Key::kSnapshot},
     [](auto& row, Out out) { out(row.scan_.snapshot().id); }},
    {{"pfn", kInteger, "", "", PushDown::kRange, Key::kFrame},
     [](auto& row, Out out) { out(row.scan_.pfn()); }},
    {{"process_id", kInteger}, [](auto& row, Out out) { out(row.mapping().process_id); }},
    {{"mapping_id", kInteger}, [](auto& row, Out out) { out(row.mapping().id); }},
    {{"page", kInteger}, [](auto& row, Out out) { out(row.user().page); }},
};

}  // namespace

VirtualTable MakeFrameUserTable(AnalysisCache& cache) {
  return {.name = "frame_user",
          .columns = Describe(FrameUserCursor::kColumns),
          .order = {"snapshot_id", "pfn", "process_id", "mapping_id", "page"},
          .row_count = [](const ReaderSize& size) { return size.pages; },
          .open = [&cache] { return std::make_unique<FrameUserCursor>(cache); }};
}

}  // namespace pagesnap
