// The virtual table `change_usage`: what changed in each matched range of two snapshots.
#include <array>
#include <string>

#include "lib/query/change/change_arguments.h"
#include "lib/query/tables.h"

namespace pagesnap {
namespace {

// Behind the arguments and keys: page_count, how, a column for each class, absent_count, the
// figures of one side, those of the other.
constexpr int kPageCount = RangeFilter::kFirstBehind;
constexpr int kHow = kPageCount + 1;
constexpr int kFirstClass = kHow + 1;
constexpr int kAbsentCount = kFirstClass + kPageChangeCount;
constexpr int kFirstFigure = kAbsentCount + 1;

constexpr std::array<const char*, 11> kFigureNames = {
    "present_count", "swapped_count", "special_count", "absent_count", "rss_kib", "pss",
    "uss_kib",       "swap_kib",      "hugetlb_kib",   "thp_kib",      "missing"};
constexpr int kMissing = static_cast<int>(kFigureNames.size()) - 1;

// Names of columns that are put together; they live as long as the program.
const char* ColumnName(const std::string& name) {
  static std::list<std::string> names;
  return names.emplace_back(name).c_str();
}

std::vector<TableColumn> MakeColumns() {
  std::vector<TableColumn> columns = {{"page_count", "INTEGER"}, {"how", "TEXT"}};
  for (int i = 0; i < kPageChangeCount; ++i) {
    const std::string name = PageChangeName(static_cast<PageChange>(i));
    columns.push_back({ColumnName(name + "_count"), "INTEGER"});
  }
  columns.push_back({"absent_count", "INTEGER"});
  for (const std::string side : {"before_", "after_"}) {
    for (const std::string name : kFigureNames) {
      columns.push_back({ColumnName(side + name), name == "missing" ? "TEXT" : "INTEGER"});
    }
  }
  return WithChangeArguments(columns);
}

const std::vector<TableColumn>& Columns() {
  static const std::vector<TableColumn> kColumns = MakeColumns();
  return kColumns;
}

class ChangeUsageCursor final : public TableCursor {
 public:
  explicit ChangeUsageCursor(AnalysisCache& cache) : cache_(cache) {}

  void SetColumnsUsed(uint32_t columns) override {
    static_assert(kFirstFigure < 31, "the last bit says that any figure is read");
    with_figures_ = columns >> kFirstFigure != 0;
  }
  void Filter(const std::vector<TableConstraint>& constraints) override {
    filter_ = RangeFilter(constraints);
    index_ = 0;
    analysis_ = FindComparison(cache_, constraints);
    if (analysis_ == nullptr) return;
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
    const RangeChange& change = analysis_->Range(index_, with_figures_);
    const uint32_t figure_count = kFigureNames.size();
    if (column < kChangeArgumentCount) {
      ArgumentResult(context, column, analysis_->request());
    } else if (column < RangeFilter::kFirstBehind) {
      RangeKeyResult(context, column, range(), process(), 0);
    } else if (column == kPageCount) {
      Result(context, static_cast<int64_t>(range().page_count));
    } else if (column == kHow) {
      Result(context, std::string_view(range().how));
    } else if (column < kAbsentCount) {
      const auto page_change = static_cast<PageChange>(column - kFirstClass);
      if (!analysis_->classifier().CanTell(page_change)) return;
      Result(context, static_cast<int64_t>(change.counts[page_change]));
    } else if (column == kAbsentCount) {
      Result(context, static_cast<int64_t>(change.counts.absent));
    } else {
      const auto figure = static_cast<uint32_t>(column - kFirstFigure);
      FigureResult(context, figure % figure_count,
                   figure < figure_count ? change.before : change.after);
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
  static void FigureResult(sqlite3_context* context, uint32_t figure, const MappingUsage& usage) {
    if (figure == kMissing) {
      if (!usage.missing.empty()) Result(context, usage.missing);
      return;
    }
    const std::array<std::optional<int64_t>, kMissing> figures = {
        usage.present_count, usage.swapped_count, usage.special_count, usage.absent_count,
        usage.rss_kib,       usage.pss,           usage.uss_kib,       usage.swap_kib,
        usage.hugetlb_kib,   usage.thp_kib};
    Result(context, figures[figure]);
  }

  AnalysisCache& cache_;
  bool with_figures_ = true;
  RangeFilter filter_;
  std::shared_ptr<ChangeAnalysis> analysis_;
  size_t index_ = 0;
};

class ChangeUsageTable final : public VirtualTable {
 public:
  explicit ChangeUsageTable(AnalysisCache& cache) : cache_(cache) {}
  [[nodiscard]] const char* name() const override { return "change_usage"; }
  [[nodiscard]] const std::vector<TableColumn>& columns() const override { return Columns(); }
  // Of two snapshots, most mappings match as they are.
  [[nodiscard]] double row_count() const override { return size().mappings; }
  [[nodiscard]] const ReaderSize& size() const override { return cache_.reader().size(); }
  [[nodiscard]] std::vector<int> order() const override { return {}; }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<ChangeUsageCursor>(cache_);
  }

 private:
  AnalysisCache& cache_;
};

}  // namespace

std::unique_ptr<VirtualTable> MakeChangeUsageTable(AnalysisCache& cache) {
  return std::make_unique<ChangeUsageTable>(cache);
}

}  // namespace pagesnap
