// The virtual table `ram_run`.
#include <algorithm>
#include <optional>

#include "lib/query/ram/ram_scan.h"
#include "lib/query/ram/tables.h"
#include "lib/query/scan/frame_results.h"

namespace pagesnap {
namespace {

constexpr const char* kFirstPfn = "first_pfn";

class RamRunCursor final : public TableCursor {
 public:
  explicit RamRunCursor(AnalysisCache& cache) : reader_(cache.reader()) {}

  static const std::vector<CursorColumn<RamRunCursor>> kColumns;

  void Filter(const std::vector<TableConstraint>& constraints) override {
    snapshot_id_.reset();
    last_pfn_ = INT64_MAX;
    for (const TableConstraint& constraint : constraints) Narrow(constraint);
    next_snapshot_ = 0;
    scan_.reset();
    Next();
  }
  void Next() override {
    while (!scan_ || !scan_->Next()) {
      scan_.reset();
      at_end_ = !OpenNext();
      if (at_end_) return;
    }
  }
  [[nodiscard]] bool AtEnd() const override { return at_end_; }
  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 private:
  // A run is found by its first frame, so where runs begin has to be known: a scan begins with RAM.
  void Narrow(const TableConstraint& constraint) {
    const int64_t value = constraint.value.value_or(-1);
    if (constraint.column == 0) snapshot_id_ = value;
    if (constraint.name != kFirstPfn) return;
    const bool is_upper = constraint.op == SQLITE_INDEX_CONSTRAINT_EQ ||
                          constraint.op == SQLITE_INDEX_CONSTRAINT_LT ||
                          constraint.op == SQLITE_INDEX_CONSTRAINT_LE;
    if (is_upper) last_pfn_ = std::min(last_pfn_, std::max<int64_t>(value, 0));
  }
  bool OpenNext() {
    const auto& snapshots = reader_.snapshots();
    while (next_snapshot_ < snapshots.size()) {
      const int64_t id = snapshots[next_snapshot_++].id;
      if (snapshot_id_ && id != *snapshot_id_) continue;
      scan_.emplace(reader_, id, static_cast<uint64_t>(last_pfn_));
      return true;
    }
    return false;
  }
  [[nodiscard]] const RamRun& run() const { return scan_->run(); }

  SnapshotReader& reader_;
  FlagNames flag_names_;
  std::optional<int64_t> snapshot_id_;
  int64_t last_pfn_ = 0;
  size_t next_snapshot_ = 0;
  std::optional<RamScan> scan_;
  bool at_end_ = true;
};

const std::vector<CursorColumn<RamRunCursor>> RamRunCursor::kColumns = {
    {{"snapshot_id", kInteger, "", "", PushDown::kEqual, Key::kSnapshot},
     [](auto& row, Out out) { out(row.scan_->snapshot().id); }},
    {{kFirstPfn, kInteger, "", "", PushDown::kRange, Key::kFrame},
     [](auto& row, Out out) { out(row.run().first_pfn); }},
    {{"frame_count", kInteger}, [](auto& row, Out out) { out(row.run().frame_count); }},
    {{"kind", kText}, [](auto& row, Out out) { out.Name(RamKindName(row.run().kind)); }},
    {{"flags", kInteger, "", "kpageflags was not read"},
     [](auto& row, Out out) { out(KnownFact(row.run().facts.flags)); }},
    {{"flag_names", kText, "", "kpageflags was not read"},
     [](auto& row, Out out) {
       row.flag_names_.Put(out, row.run().facts.flags, row.scan_->snapshot().release);
     }},
    {{"map_count", kInteger, "", "kpagecount was not read"},
     [](auto& row, Out out) { out(KnownFact(row.run().facts.map_count)); }},
    {{"cgroup_inode", kInteger, "", "kpagecgroup was not read"},
     [](auto& row, Out out) { out(KnownFact(row.run().facts.cgroup)); }},
    {{"node", kInteger, "", "in no zone"},
     [](auto& row, Out out) { PutNode(out, row.run().zone); }},
    {{"zone", kText, "", "in no zone"}, [](auto& row, Out out) { PutZone(out, row.run().zone); }},
};

}  // namespace

VirtualTable MakeRamRunTable(AnalysisCache& cache) {
  return {.name = "ram_run",
          .columns = Describe(RamRunCursor::kColumns),
          .order = {"snapshot_id", "first_pfn"},
          // On a machine in use some frames in ten follow one that is not like them.
          .row_count = [](const ReaderSize& size) { return std::max(1.0, size.ram / 8); },
          .open = [&cache] { return std::make_unique<RamRunCursor>(cache); }};
}

}  // namespace pagesnap
