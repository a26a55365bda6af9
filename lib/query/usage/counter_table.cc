// The virtual table `counter`: what the kernel had counted, a row per snapshot and counter.
#include <fmt/format.h>

#include <optional>

#include "lib/base/error.h"
#include "lib/query/usage/tables.h"
#include "lib/store/read/counter_reader.h"

namespace pagesnap {
namespace {

class CounterCursor final : public TableCursor {
 public:
  explicit CounterCursor(SnapshotReader& reader) : reader_(reader) {}

  static const std::vector<CursorColumn<CounterCursor>> kColumns;

  void Filter(const std::vector<TableConstraint>& constraints) override {
    wanted_.reset();
    for (const TableConstraint& constraint : constraints) {
      if (constraint.name == "snapshot_id") wanted_ = constraint.value.value_or(0);
    }
    snapshot_ = 0;
    Load();
  }
  void Next() override {
    if (++index_ < counters_.names.size()) return;
    ++snapshot_;
    Load();
  }
  [[nodiscard]] bool AtEnd() const override { return snapshot_ == reader_.snapshots().size(); }
  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 private:
  // Goes to the first counter of the next snapshot that has any.
  void Load() {
    index_ = 0;
    for (; !AtEnd(); ++snapshot_) {
      if (wanted_ && *wanted_ != id()) continue;
      try {
        counters_ = ReadCounters(reader_.SourceOf(IdSpace::kSnapshot, id()), id());
      } catch (const Error& error) {
        reader_.NoteDamage(error.what());
        continue;
      }
      if (!counters_.names.empty()) return;
    }
  }
  [[nodiscard]] int64_t id() const { return reader_.snapshots()[snapshot_].id; }

  SnapshotReader& reader_;
  std::optional<int64_t> wanted_;
  size_t snapshot_ = 0;
  Counters counters_;
  size_t index_ = 0;
};

const std::vector<CursorColumn<CounterCursor>> CounterCursor::kColumns = {
    {{.name = "snapshot_id",
      .type = kInteger,
      .push_down = PushDown::kEqual,
      .key = Key::kSnapshot},
     [](auto& row, Out out) { out(row.id()); }},
    {{"name", kText},
     [](auto& row, Out out) { out(std::string_view(row.counters_.names[row.index_])); }},
    {{"value", kInteger}, [](auto& row, Out out) { out(row.counters_.values[row.index_]); }},
};

}  // namespace

VirtualTable MakeCounterTable(AnalysisCache& cache) {
  return {.name = "counter",
          .columns = Describe(CounterCursor::kColumns),
          .order = {"snapshot_id"},
          .row_count = [](const ReaderSize& size) { return 400 * size.snapshots; },
          .open = [&cache] { return std::make_unique<CounterCursor>(cache.reader()); }};
}

}  // namespace pagesnap
