// The virtual table `fork_usage`.
#include <memory>
#include <optional>
#include <utility>

#include "lib/query/change/fork_usage.h"
#include "lib/query/change/tables.h"

namespace pagesnap {
namespace {

class ForkCursor final : public TableCursor {
 public:
  using Columns = std::vector<CursorColumn<ForkCursor>>;

  explicit ForkCursor(AnalysisCache& cache) : cache_(cache) {}

  static const Columns& AllColumns() {
    static const Columns kColumns = MakeColumns();
    return kColumns;
  }

  void Filter(const std::vector<TableConstraint>& constraints) override {
    snapshot_id_.reset();
    for (const TableConstraint& constraint : constraints) {
      snapshot_id_ = constraint.value.value_or(-1);  // no other column is handed down
    }
    snapshot_index_ = 0;
    row_ = 0;
    Load();
  }
  void Next() override {
    if (++row_ < usages_->rows().size()) return;
    row_ = 0;
    ++snapshot_index_;
    Load();
  }
  [[nodiscard]] bool AtEnd() const override {
    return snapshot_index_ >= cache_.reader().snapshots().size();
  }
  void Column(Out out, int column) override { AllColumns()[column].get(*this, out); }

 private:
  // Goes to the first snapshot, from this one on, that is wanted and has rows.
  void Load() {
    for (; !AtEnd(); ++snapshot_index_) {
      const int64_t id = cache_.reader().snapshots()[snapshot_index_].id;
      if (snapshot_id_ && id != *snapshot_id_) continue;
      usages_ = cache_.Of<ForkUsages>(id);
      if (!usages_->rows().empty()) return;
    }
  }
  [[nodiscard]] const ForkUsage& usage() const { return usages_->rows()[row_]; }

  // A column for each fate of pages.
  template <size_t... kFates>
  static void AddFates(std::index_sequence<kFates...>, Columns* columns) {
    (columns->push_back({{std::string(ForkFateName(ForkFate{kFates + 1})) + "_count", kInteger, "",
                          "pages of either process were not read"},
                         [](auto& row, Out out) {
                           if (row.usage().is_known) out(row.usage().counts[kFates + 1]);
                         }}),
     ...);
  }

  static Columns MakeColumns() {
    Columns columns = {
        {{"snapshot_id", kInteger, "", "", PushDown::kEqual, Key::kSnapshot},
         [](auto& row, Out out) { out(row.cache_.reader().snapshots()[row.snapshot_index_].id); }},
        {{"process_id", kInteger}, [](auto& row, Out out) { out(row.usage().process_id); }},
        {{"parent_process_id", kInteger}, [](auto& row, Out out) { out(row.usage().parent_id); }},
        {{"mapping_id", kInteger}, [](auto& row, Out out) { out(row.usage().mapping_id); }},
        {{"is_parents", kInteger}, [](auto& row, Out out) { out(row.usage().is_parents ? 1 : 0); }},
    };
    AddFates(std::make_index_sequence<kForkFateCount - 1>(), &columns);
    return columns;
  }

  AnalysisCache& cache_;
  std::optional<int64_t> snapshot_id_;
  size_t snapshot_index_ = 0;
  std::shared_ptr<const ForkUsages> usages_;  // of the snapshot
  size_t row_ = 0;
};

}  // namespace

VirtualTable MakeForkUsageTable(AnalysisCache& cache) {
  return {.name = "fork_usage",
          .columns = Describe(ForkCursor::AllColumns()),
          .row_count = [](const ReaderSize& size) { return size.mappings; },
          .open = [&cache] { return std::make_unique<ForkCursor>(cache); }};
}

}  // namespace pagesnap
