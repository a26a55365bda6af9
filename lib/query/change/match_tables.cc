// The virtual tables `process_match` and `mapping_match`: what corresponds in two snapshots.
#include "lib/query/change/change_arguments.h"
#include "lib/query/tables.h"

namespace pagesnap {
namespace {

// Behind the arguments.
enum ProcessColumn {
  kBeforeProcess = kChangeArgumentCount,
  kAfterProcess,
  kProcessHow,
  kProcessMode
};
// Behind the arguments and keys.
enum MappingColumn { kPageCount = RangeFilter::kFirstBehind, kMappingHow, kMappingMode };

const std::vector<TableColumn>& ProcessColumns() {
  static const std::vector<TableColumn> kColumns = [] {
    std::vector<TableColumn> columns = WithChangeArguments({});
    columns.resize(kChangeArgumentCount);
    columns.push_back({"before_process_id", "INTEGER"});
    columns.push_back({"after_process_id", "INTEGER"});
    columns.push_back({"how", "TEXT"});
    columns.push_back({"mode", "TEXT"});
    return columns;
  }();
  return kColumns;
}

const std::vector<TableColumn>& MappingColumns() {
  static const std::vector<TableColumn> kColumns =
      WithChangeArguments({{"page_count", "INTEGER"}, {"how", "TEXT"}, {"mode", "TEXT"}});
  return kColumns;
}

std::string_view Mode(const ChangeAnalysis& analysis) {
  return MatchModeName(analysis.match().mode);
}

class ProcessMatchCursor final : public TableCursor {
 public:
  explicit ProcessMatchCursor(AnalysisCache& cache) : cache_(cache) {}

  void Filter(const std::vector<TableConstraint>& constraints) override {
    index_ = 0;
    analysis_ = FindComparison(cache_, constraints);
  }
  void Next() override { ++index_; }
  [[nodiscard]] bool AtEnd() const override {
    return analysis_ == nullptr || index_ == analysis_->match().processes.size();
  }
  void Column(sqlite3_context* context, int column) override {
    const ProcessMatch& match = analysis_->match().processes[index_];
    switch (column) {
      case kBeforeProcess:
        if (match.before_id != 0) Result(context, match.before_id);
        return;
      case kAfterProcess:
        if (match.after_id != 0) Result(context, match.after_id);
        return;
      case kProcessHow:
        return Result(context, std::string_view(match.how));
      case kProcessMode:
        return Result(context, Mode(*analysis_));
      default:
        ArgumentResult(context, column, analysis_->request());
    }
  }

 private:
  AnalysisCache& cache_;
  std::shared_ptr<ChangeAnalysis> analysis_;
  size_t index_ = 0;
};

class MappingMatchCursor final : public TableCursor {
 public:
  explicit MappingMatchCursor(AnalysisCache& cache) : cache_(cache) {}

  void Filter(const std::vector<TableConstraint>& constraints) override {
    filter_ = RangeFilter(constraints);
    index_ = 0;
    analysis_ = FindComparison(cache_, constraints);
    SkipToWanted();
  }
  void Next() override {
    ++index_;
    SkipToWanted();
  }
  [[nodiscard]] bool AtEnd() const override {
    return analysis_ == nullptr || index_ == analysis_->match().ranges.size();
  }
  void Column(sqlite3_context* context, int column) override {
    if (column < kChangeArgumentCount) {
      ArgumentResult(context, column, analysis_->request());
    } else if (column < RangeFilter::kFirstBehind) {
      RangeKeyResult(context, column, range(), process(), 0);
    } else if (column == kPageCount) {
      Result(context, static_cast<int64_t>(range().page_count));
    } else {
      Result(context, column == kMappingHow ? std::string_view(range().how) : Mode(*analysis_));
    }
  }

 private:
  [[nodiscard]] const MatchedRange& range() const { return analysis_->match().ranges[index_]; }
  [[nodiscard]] const ProcessMatch& process() const {
    return analysis_->match().processes[range().process];
  }
  void SkipToWanted() {
    while (!AtEnd() && !filter_.Admits(range(), process())) ++index_;
  }

  AnalysisCache& cache_;
  RangeFilter filter_;
  std::shared_ptr<ChangeAnalysis> analysis_;
  size_t index_ = 0;
};

template <typename Cursor>
class MatchTable final : public VirtualTable {
 public:
  MatchTable(const char* name, const std::vector<TableColumn>& columns, AnalysisCache& cache)
      : name_(name), columns_(columns), cache_(cache) {}
  [[nodiscard]] const char* name() const override { return name_; }
  [[nodiscard]] const std::vector<TableColumn>& columns() const override { return columns_; }
  // Of two snapshots, most of either have a counterpart.
  [[nodiscard]] double row_count() const override { return size().mappings; }
  [[nodiscard]] const ReaderSize& size() const override { return cache_.reader().size(); }
  [[nodiscard]] std::vector<int> order() const override { return {}; }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<Cursor>(cache_);
  }

 private:
  const char* name_;
  const std::vector<TableColumn>& columns_;
  AnalysisCache& cache_;
};

}  // namespace

std::unique_ptr<VirtualTable> MakeProcessMatchTable(AnalysisCache& cache) {
  return std::make_unique<MatchTable<ProcessMatchCursor>>("process_match", ProcessColumns(), cache);
}

std::unique_ptr<VirtualTable> MakeMappingMatchTable(AnalysisCache& cache) {
  return std::make_unique<MatchTable<MappingMatchCursor>>("mapping_match", MappingColumns(), cache);
}

}  // namespace pagesnap
