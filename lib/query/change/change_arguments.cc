#include "lib/query/change/change_arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "lib/base/error.h"
#include "lib/query/scan/scan.h"

namespace pagesnap {
namespace {

MatchMode ModeOf(const std::string& name) {
  for (MatchMode mode : {MatchMode::kAuto, MatchMode::kSame, MatchMode::kRerun}) {
    if (name == MatchModeName(mode)) return mode;
  }
  throw Error(fmt::format("match is 'auto', 'same' or 'rerun', and not '{}'", name));
}

// Returns the filter that the constraints on the columns of one side amount to.
PageFilter SideFilter(const std::vector<TableConstraint>& constraints, std::string_view side) {
  constexpr int kPage = 3;
  constexpr std::string_view kColumns[] = {"", "process_id", "mapping_id", "page"};
  std::vector<TableConstraint> of_side;
  for (TableConstraint constraint : constraints) {
    if (!constraint.name.starts_with(side)) continue;
    const auto column = std::ranges::find(kColumns, constraint.name.substr(side.size()));
    if (column == std::end(kColumns)) continue;
    constraint.column = static_cast<int>(column - std::begin(kColumns));
    of_side.push_back(std::move(constraint));
  }
  return FilterOf(of_side, kPage);
}

}  // namespace

std::shared_ptr<ChangeAnalysis> FindComparison(AnalysisCache& cache,
                                               const std::vector<TableConstraint>& constraints) {
  ChangeRequest request;
  for (const TableConstraint& constraint : constraints) {
    const bool is_mode = constraint.name == "match";
    int64_t number = 0;
    int64_t* const argument = constraint.name == "before_snapshot_id"  ? &request.before_id
                              : constraint.name == "after_snapshot_id" ? &request.after_id
                              : constraint.name == "volatile"          ? &number
                                                                       : nullptr;
    if (argument == nullptr && !is_mode) continue;
    if (!constraint.value && !constraint.text) return nullptr;
    if (is_mode) {
      request.mode = ModeOf(constraint.text.value_or("a number"));
      continue;
    }
    if (!constraint.value) throw Error("snapshots, and volatile, are given as numbers");
    *argument = *constraint.value;
    if (number != 0) request.with_volatile = true;
  }
  return cache.Between<ChangeAnalysis>(request);
}

RangeFilter::RangeFilter(const std::vector<TableConstraint>& constraints)
    : before_(SideFilter(constraints, "before_")), after_(SideFilter(constraints, "after_")) {}

bool RangeFilter::Admits(const PageFilter& filter, int64_t process_id, int64_t mapping_id,
                         uint64_t page, uint64_t page_count) {
  if (filter.snapshot_id) return false;  // FilterOf() says so that no row can be meant
  if (filter.process_id && *filter.process_id != process_id) return false;
  if (filter.mapping_id && *filter.mapping_id != mapping_id) return false;
  const PageFilter all;
  if (filter.first_page == all.first_page && filter.last_page == all.last_page) return true;
  return mapping_id != 0 && page <= filter.last_page && page + page_count > filter.first_page;
}

}  // namespace pagesnap
