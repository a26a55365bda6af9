// The virtual tables `process_match` and `mapping_match`: what corresponds in two snapshots.
#include "lib/query/change/change_arguments.h"
#include "lib/query/change/range_cursor.h"
#include "lib/query/change/tables.h"

namespace pagesnap {
namespace {

class ProcessMatchCursor final : public TableCursor {
 public:
  explicit ProcessMatchCursor(AnalysisCache& cache) : cache_(cache) {}

  static const std::vector<CursorColumn<ProcessMatchCursor>> kColumns;

  void Filter(const std::vector<TableConstraint>& constraints) override {
    index_ = 0;
    analysis_ = FindComparison(cache_, constraints);
  }
  void Next() override { ++index_; }
  [[nodiscard]] bool AtEnd() const override {
    return analysis_ == nullptr || index_ == analysis_->match().processes.size();
  }
  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

  [[nodiscard]] const ChangeRequest& request() const { return analysis_->request(); }

 private:
  [[nodiscard]] const ProcessMatch& match() const { return analysis_->match().processes[index_]; }

  AnalysisCache& cache_;
  std::shared_ptr<ChangeAnalysis> analysis_;
  size_t index_ = 0;
};

const std::vector<CursorColumn<ProcessMatchCursor>> ProcessMatchCursor::kColumns =
    WithArguments<ProcessMatchCursor>({
        {{"before_process_id", kInteger, "", kNoCounterpart},
         [](auto& row, Out out) { out(KnownId(row.match().before_id)); }},
        {{"after_process_id", kInteger, "", kNoCounterpart},
         [](auto& row, Out out) { out(KnownId(row.match().after_id)); }},
        {{"how", kText}, [](auto& row, Out out) { out(std::string_view(row.match().how)); }},
        {{"mode", kText},
         [](auto& row, Out out) { out.Name(MatchModeName(row.analysis_->match().mode)); }},
    });

class MappingMatchCursor final : public RangeCursor {
 public:
  using RangeCursor::RangeCursor;

  static const std::vector<CursorColumn<MappingMatchCursor>> kColumns;

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }
};

const std::vector<CursorColumn<MappingMatchCursor>> MappingMatchCursor::kColumns =
    WithRangeKey<MappingMatchCursor>({
        {{"page_count", kInteger}, [](auto& row, Out out) { out(row.range().page_count); }},
        {{"how", kText}, [](auto& row, Out out) { out(std::string_view(row.range().how)); }},
        {{"mode", kText},
         [](auto& row, Out out) { out.Name(MatchModeName(row.analysis().match().mode)); }},
    });

}  // namespace

// Of two snapshots, most of either have a counterpart.
VirtualTable MakeProcessMatchTable(AnalysisCache& cache) {
  return {.name = "process_match",
          .columns = Describe(ProcessMatchCursor::kColumns),
          .row_count = [](const ReaderSize& size) { return size.mappings; },
          .open = [&cache] { return std::make_unique<ProcessMatchCursor>(cache); }};
}

VirtualTable MakeMappingMatchTable(AnalysisCache& cache) {
  return {.name = "mapping_match",
          .columns = Describe(MappingMatchCursor::kColumns),
          .row_count = [](const ReaderSize& size) { return size.mappings; },
          .open = [&cache] { return std::make_unique<MappingMatchCursor>(cache); }};
}

}  // namespace pagesnap
