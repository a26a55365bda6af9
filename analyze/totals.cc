#include "analyze/totals.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "lib/base/number.h"

namespace pagesnap {

Totals::Totals(const std::vector<std::string>& columns, const std::vector<std::string>& summed)
    : columns_(columns) {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (std::find(summed.begin(), summed.end(), columns[i]) == summed.end()) continue;
    sums_.push_back({.column = i});
  }
}

void Totals::Add(std::span<const Value> row) {
  for (Sum& sum : sums_) {
    const Value& value = row[sum.column];
    const std::optional<int64_t> number =
        value.type == ValueType::kInteger ? std::optional(value.integer) : IntegerOf(value.real);
    if (value.type == ValueType::kNull || !number ||
        __builtin_add_overflow(sum.value, *number, &sum.value)) {
      sum.unknown = true;
    }
  }
}

uint64_t Totals::TakeSums(Statement& sums) {
  for (Sum& sum : sums_) sum = {.column = sum.column};
  uint64_t row_count = 0;
  std::vector<Value> row;
  while (sums.Step()) {
    sums.ReadRow(&row);
    Add(row);
    row_count += static_cast<uint64_t>(sums.Int(static_cast<int>(columns_.size())));
  }
  return row_count;
}

void Totals::Print(Printer* printer, const Notes& notes) const {
  if (sums_.empty()) return;
  std::vector<std::string> cells(columns_.size());
  std::vector<std::string> unknown;
  for (const Sum& sum : sums_) {
    cells[sum.column] = sum.unknown ? "-" : std::to_string(sum.value);
    if (sum.unknown) unknown.push_back(columns_[sum.column]);
  }
  auto label = std::find(cells.begin(), cells.end(), "");
  if (label != cells.end()) *label = "total";
  printer->Total(std::move(cells));
  if (unknown.empty()) return;
  notes.Add(fmt::format("no total of {}: unknown in some rows", fmt::join(unknown, ", ")));
}

}  // namespace pagesnap
