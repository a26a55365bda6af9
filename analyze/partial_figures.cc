#include "analyze/partial_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/base/error.h"

namespace pagesnap {

using nlohmann::json;

PartialFigures::PartialFigures(const Report& report, const std::vector<std::string>& columns,
                               std::span<const Value> row)
    : noun_(report.row_noun) {
  if (report.known_counts_column.empty()) return;
  auto find = [&](const std::string& name) {
    const auto found = std::ranges::find(columns, name);
    return found == columns.end() ? Value() : row[static_cast<size_t>(found - columns.begin())];
  };
  try {
    all_count_ = static_cast<uint64_t>(find(report.all_count_column).integer);
    const json counts = json::parse(find(report.known_counts_column).text);
    for (const auto& [column, count] : counts.items()) {
      // Those without the process have 0: of what there is nothing may be known.
      const auto known = find(column).type == ValueType::kNull ? 0 : count.get<uint64_t>();
      if (known < all_count_) partial_[known].push_back(column);
    }
  } catch (const json::exception&) {
    throw Error(fmt::format("the column '{}' has no counts", report.known_counts_column));
  }
}

std::string PartialFigures::OfHowMany(const std::string& column) const {
  for (const auto& [count, columns] : partial_) {
    if (std::ranges::find(columns, column) == columns.end()) continue;
    return fmt::format("{} of {} {}", count, all_count_, noun_);
  }
  return "";
}

void PartialFigures::AddNotes(const Notes& notes) const {
  notes.AddPartialTotals(partial_, all_count_, noun_);
}

}  // namespace pagesnap
