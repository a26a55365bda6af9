#include "analyze/totals.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

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
    : report_(report), shown_count_(ShownCount(report, columns)), columns_(columns) {
  for (size_t i = 0; i < shown_count_; ++i) {
    if (std::ranges::find(report.total_columns, columns[i]) == report.total_columns.end()) continue;
    Sum sum = {.column = i, .added_column = i};
    const auto exact = std::ranges::find(report.exact_totals, columns[i], &ExactTotal::column);
    if (exact != report.exact_totals.end()) {
      sum.is_exact = true;
      sum.added_column = PlaceOf(columns, exact->added).value_or(i);
      sum.subtracted_column = PlaceOf(columns, exact->subtracted);
    }
    sums_.push_back(sum);
  }
}

int64_t Totals::Sum::Total() const { return is_exact ? PssKib(added) - PssKib(subtracted) : added; }

void Totals::AddRows(std::span<const Value> row, uint64_t row_count) {
  row_count_ += row_count;
  for (Sum& sum : sums_) {
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

void Totals::Print(Printer* printer, const Notes& notes) const {
  if (sums_.empty()) return;
  std::vector<std::string> cells(shown_count_);
  std::map<uint64_t, std::vector<std::string>> partial;  // columns by how many rows are known
  for (const Sum& sum : sums_) {
    const uint64_t known_count = sum.overflow ? 0 : sum.known_count;
    cells[sum.column] = known_count > 0 ? std::to_string(sum.Total()) : "-";
    if (known_count < row_count_) partial[known_count].push_back(columns_[sum.column]);
  }
  const auto label = std::ranges::find(cells, "");
  if (label != cells.end()) *label = "total";
  // Beside the label the least; a column of which nothing is known shows that itself.
  const auto least = partial.upper_bound(0);
  const std::string_view noun = report_.row_noun;
  if (least != partial.end() && label != cells.end() && label + 1 != cells.end() &&
      label[1].empty()) {
    label[1] = fmt::format("of {} of {} {}", least->first, row_count_, noun);
  }
  printer->Total(std::move(cells));
  for (const auto& [count, columns] : partial) {
    const std::string names = fmt::format("{}", fmt::join(columns, ", "));
    notes.Add(count == 0 ? fmt::format("no total of {}: unknown in all {}", names, noun)
                         : fmt::format("the total of {} is of {} of {} {}: unknown in the others",
                                       names, count, row_count_, noun));
  }
}

}  // namespace pagesnap
