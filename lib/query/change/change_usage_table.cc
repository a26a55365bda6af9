// The virtual table `change_usage`: what changed in each matched range of two snapshots.
#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "lib/query/change/range_cursor.h"
#include "lib/query/change/tables.h"

namespace pagesnap {
namespace {

class ChangeUsageCursor final : public RangeCursor {
 public:
  using RangeCursor::RangeCursor;
  using Columns = std::vector<CursorColumn<ChangeUsageCursor>>;

  static const Columns& AllColumns() {
    static const Columns kColumns = MakeColumns();
    return kColumns;
  }

  void SetColumnsUsed(uint64_t columns) override {
    static const auto kFirstFigure = static_cast<size_t>(
        std::ranges::find(AllColumns(), "before_present_count", &TableColumn::name) -
        AllColumns().begin());
    with_figures_ = columns >> kFirstFigure != 0;
  }
  void Column(Out out, int column) override { AllColumns()[column].get(*this, out); }

 private:
  [[nodiscard]] const RangeChange& change() const {
    return analysis().Range(index(), with_figures_);
  }

  // A column for each class of change.
  template <size_t... kClasses>
  static void AddClasses(std::index_sequence<kClasses...>, Columns* columns) {
    (columns->push_back({{std::string(PageChangeName(PageChange{kClasses})) + "_count", kInteger,
                          "", "the snapshots cannot show it"},
                         [](auto& row, Out out) {
                           constexpr PageChange kClass{kClasses};
                           if (!row.analysis().classifier().CanTell(kClass)) return;
                           out(row.change().counts[kClass]);
                         }}),
     ...);
  }

  template <MappingUsage RangeChange::*kSide, auto kFigure>
  static void PutFigure(ChangeUsageCursor& row, Out out) {
    out(row.change().*kSide.*kFigure);
  }
  // The figures of one side.
  template <MappingUsage RangeChange::*kSide>
  static void AddFigures(const std::string& side, Columns* columns) {
    constexpr const char* kWhenMissing = "`missing` of this side says why";
    const Columns figures = {
        {{"present_count", kInteger}, PutFigure<kSide, &MappingUsage::present_count>},
        {{"swapped_count", kInteger}, PutFigure<kSide, &MappingUsage::swapped_count>},
        {{"special_count", kInteger}, PutFigure<kSide, &MappingUsage::special_count>},
        {{"absent_count", kInteger}, PutFigure<kSide, &MappingUsage::absent_count>},
        {{"rss_kib", kInteger, "KiB", kWhenMissing}, PutFigure<kSide, &MappingUsage::rss_kib>},
        {{"pss", kInteger, "1/4096 bytes", kWhenMissing}, PutFigure<kSide, &MappingUsage::pss>},
        {{"uss_kib", kInteger, "KiB", kWhenMissing}, PutFigure<kSide, &MappingUsage::uss_kib>},
        {{"swap_kib", kInteger, "KiB", kWhenMissing}, PutFigure<kSide, &MappingUsage::swap_kib>},
        {{"hugetlb_kib", kInteger, "KiB", kWhenMissing},
         PutFigure<kSide, &MappingUsage::hugetlb_kib>},
        {{"thp_kib", kInteger, "KiB", kWhenMissing}, PutFigure<kSide, &MappingUsage::thp_kib>},
        {{"missing", kText, "", "nothing is missing"},
         [](auto& row, Out out) {
           const std::string& missing = (row.change().*kSide).missing;
           if (!missing.empty()) out(std::string_view(missing));
         }},
    };
    for (CursorColumn<ChangeUsageCursor> figure : figures) {
      figure.name.insert(0, side);
      columns->push_back(std::move(figure));
    }
  }

  static Columns MakeColumns() {
    Columns columns = {
        {{"page_count", kInteger}, [](auto& row, Out out) { out(row.range().page_count); }},
        {{"how", kText}, [](auto& row, Out out) { out(std::string_view(row.range().how)); }},
    };
    AddClasses(std::make_index_sequence<kPageChangeCount>(), &columns);
    columns.push_back(
        {{"absent_count", kInteger}, [](auto& row, Out out) { out(row.change().counts.absent); }});
    AddFigures<&RangeChange::before>("before_", &columns);
    AddFigures<&RangeChange::after>("after_", &columns);
    return WithRangeKey<ChangeUsageCursor>(std::move(columns));
  }

  bool with_figures_ = true;
};

}  // namespace

// Of two snapshots, most mappings match as they are.
VirtualTable MakeChangeUsageTable(AnalysisCache& cache) {
  return {.name = "change_usage",
          .columns = Describe(ChangeUsageCursor::AllColumns()),
          .row_count = [](const ReaderSize& size) { return size.mappings; },
          .open = [&cache] { return std::make_unique<ChangeUsageCursor>(cache); }};
}

}  // namespace pagesnap
