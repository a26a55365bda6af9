#include "analyze/totals.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "analyze/kernel_figures.h"
#include "lib/base/number.h"
#include "lib/store/frames/usage_sums.h"

namespace pagesnap {
namespace {

std::optional<size_t> PlaceOf(const std::vector<std::string>& columns, const std::string& name) {
  const auto found = std::ranges::find(columns, name);
  if (found == columns.end()) return std::nullopt;
  return static_cast<size_t>(found - columns.begin());
}

std::optional<int64_t> NumberIn(const Value& value) {
  if (value.type == ValueType::kNull) return std::nullopt;
  return value.type == ValueType::kInteger ? value.integer : IntegerOf(value.real);
}

}  // namespace

Totals::Totals(const std::vector<std::string>& columns, const Report& report)
    : report_(report), columns_(columns) {
  for (size_t i = 0; i < ShownCount(report, columns); ++i) {
    if (std::ranges::find(report.total_columns, columns[i]) == report.total_columns.end()) continue;
    Sum sum = {.column = i, .added_column = i};
    sum.is_complete =
        std::ranges::find(report.complete_columns, columns[i]) != report.complete_columns.end();
    const auto exact = std::ranges::find(report.exact_totals, columns[i], &ExactTotal::column);
    if (exact != report.exact_totals.end()) {
      sum.is_exact = true;
      sum.added_column = PlaceOf(columns, exact->added).value_or(i);
      sum.subtracted_column = PlaceOf(columns, exact->subtracted);
    }
    const auto kernel = std::ranges::find(report.kernel_figures, columns[i], &KernelFigure::column);
    if (kernel != report.kernel_figures.end()) {
      sum.kernel_column = PlaceOf(columns, kernel->kernel_column);
    }
    sums_.push_back(sum);
  }
}

int64_t Totals::Sum::Total() const { return is_exact ? PssKib(added) - PssKib(subtracted) : added; }

void Totals::AddRows(std::span<const Value> row, uint64_t row_count) {
  row_count_ += row_count;
  for (Sum& sum : sums_) {
    AddFilled(row, &sum);
    if (row[sum.column].type == ValueType::kNull) continue;
    const std::optional<int64_t> added = NumberIn(row[sum.added_column]);
    const std::optional<int64_t> subtracted =
        sum.subtracted_column ? NumberIn(row[*sum.subtracted_column]) : 0;
    sum.known_count += row_count;
    sum.overflow |= !added || !subtracted ||
                    __builtin_add_overflow(sum.added, *added, &sum.added) ||
                    __builtin_add_overflow(sum.subtracted, *subtracted, &sum.subtracted);
  }
}

void Totals::AddFilled(std::span<const Value> row, Sum* sum) {
  if (!sum->kernel_column) return;
  const Value& own = row[sum->column];
  const std::optional<int64_t> figure =
      NumberIn(own.type == ValueType::kNull ? row[*sum->kernel_column] : own);
  if (!figure || __builtin_add_overflow(sum->filled, *figure, &sum->filled)) return;
  ++sum->filled_count;
}

uint64_t Totals::TakeSums(Statement& sums) {
  row_count_ = 0;
  for (Sum& sum : sums_) {
    sum.added = sum.subtracted = 0;
    sum.known_count = 0;
    sum.overflow = false;
  }
  std::vector<Value> row;
  while (sums.Step()) {
    sums.ReadRow(&row);
    AddRows(row, static_cast<uint64_t>(sums.Int(static_cast<int>(columns_.size()))));
  }
  return row_count_;
}

std::map<std::string, int64_t> Totals::Known() const {
  std::map<std::string, int64_t> totals;
  for (const Sum& sum : sums_) {
    if (!sum.overflow && sum.known_count > 0) totals.emplace(columns_[sum.column], sum.Total());
  }
  return totals;
}

void Totals::Print(std::span<const size_t> shown, Printer* printer, const Notes& notes) const {
  std::vector<std::string> cells(shown.size());
  ColumnsByCount partial;
  bool has_sum = false;
  bool is_marked = false;
  for (const Sum& sum : sums_) {
    const auto place = std::ranges::find(shown, sum.column);
    if (place == shown.end()) continue;
    has_sum = true;
    const uint64_t known_count = sum.overflow ? 0 : sum.known_count;
    if (known_count < row_count_ && sum.is_complete) continue;
    std::string& cell = cells[static_cast<size_t>(place - shown.begin())];
    if (known_count < row_count_ && sum.filled_count == row_count_) {
      cell = MarkedFigure(sum.filled);
      is_marked = true;
      continue;
    }
    cell = known_count > 0 ? std::to_string(sum.Total()) : "-";
    if (known_count < row_count_) partial[known_count].push_back(columns_[sum.column]);
  }
  if (!has_sum) return;
  const auto label = std::ranges::find(cells, "");
  if (label != cells.end()) *label = "total";
  // Beside the label the least; a column of which nothing is known shows that itself. A line that
  // the kernel's figures made whole in part has the counts in the note alone.
  const auto least = partial.upper_bound(0);
  const std::string_view noun = report_.row_noun;
  if (!is_marked && least != partial.end() && label != cells.end() && label + 1 != cells.end() &&
      label[1].empty()) {
    label[1] = fmt::format("of {} of {} {}", least->first, row_count_, noun);
  }
  printer->Total(std::move(cells));
  notes.AddPartialTotals(partial, row_count_, noun);
}

}  // namespace pagesnap
