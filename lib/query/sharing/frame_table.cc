// The virtual table `frame`.
#include "lib/query/scan/frame_results.h"
#include "lib/query/scan/frame_scan.h"
#include "lib/query/sharing/frame_user_index.h"
#include "lib/query/sharing/tables.h"

namespace pagesnap {
namespace {

class FrameCursor final : public TableCursor {
 public:
  explicit FrameCursor(AnalysisCache& cache) : cache_(cache), scan_(cache.reader()) {}

  static const std::vector<CursorColumn<FrameCursor>> kColumns;

  void Filter(const std::vector<TableConstraint>& constraints) override {
    scan_.Start(constraints);
  }
  void Next() override { scan_.Next(); }
  [[nodiscard]] bool AtEnd() const override { return scan_.AtEnd(); }
  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 private:
  [[nodiscard]] const Zone* zone() const { return scan_.snapshot().ZoneOf(scan_.pfn()); }

  // A mapping that has the frame at two addresses is one user.
  int64_t UserCount() {
    if (!index_ || index_of_ != scan_.snapshot().id) {
      index_of_ = scan_.snapshot().id;
      index_ = cache_.Of<FrameUserIndex>(index_of_);
    }
    index_->Find(scan_.ordinal(), &users_);
    int64_t count = 0;
    for (size_t i = 0; i < users_.size(); ++i) {
      if (i == 0 || users_[i].mapping != users_[i - 1].mapping) ++count;
    }
    return count;
  }

  AnalysisCache& cache_;
  FlagNames flag_names_;
  FrameScan scan_;
  std::shared_ptr<FrameUserIndex> index_;
  int64_t index_of_ = 0;  // a snapshot
  std::vector<FrameUser> users_;
};

const std::vector<CursorColumn<FrameCursor>> FrameCursor::kColumns = {
    {{"snapshot_id", kInteger, "", "", PushDown::kEqual, Key::kSnapshot},
     [](auto& row, Out out) { out(row.scan_.snapshot().id); }},
    {{"pfn", kInteger, "", "", PushDown::kRange, Key::kFrame},
     [](auto& row, Out out) { out(row.scan_.pfn()); }},
    {{"flags", kInteger, "", "kpageflags was not read"},
     [](auto& row, Out out) { out(KnownFact(row.scan_.facts().flags)); }},
    {{"flag_names", kText, "", "kpageflags was not read"},
     [](auto& row, Out out) {
       row.flag_names_.Put(out, row.scan_.facts().flags, row.scan_.snapshot().release);
     }},
    {{"map_count", kInteger, "", "kpagecount was not read"},
     [](auto& row, Out out) { out(KnownFact(row.scan_.facts().map_count)); }},
    {{"cgroup_inode", kInteger, "", "kpagecgroup was not read"},
     [](auto& row, Out out) { out(KnownFact(row.scan_.facts().cgroup)); }},
    {{"node", kInteger, "", "in no zone"}, [](auto& row, Out out) { PutNode(out, row.zone()); }},
    {{"zone", kText, "", "in no zone"}, [](auto& row, Out out) { PutZone(out, row.zone()); }},
    {{"user_count", kInteger}, [](auto& row, Out out) { out(row.UserCount()); }},
};

}  // namespace

VirtualTable MakeFrameTable(AnalysisCache& cache) {
  return {.name = "frame",
          .columns = Describe(FrameCursor::kColumns),
          .order = {"snapshot_id", "pfn"},
          .row_count = [](const ReaderSize& size) { return size.frames; },
          .open = [&cache] { return std::make_unique<FrameCursor>(cache); }};
}

}  // namespace pagesnap
