#include "lib/query/change/change_arguments.h"

#include <fmt/format.h>

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

// The constraints on one side, by the columns that FilterOf() knows.
PageFilter SideFilter(const std::vector<TableConstraint>& constraints, int first) {
  std::vector<TableConstraint> side;
  for (TableConstraint constraint : constraints) {
    if (constraint.column < first || constraint.column >= first + RangeFilter::kColumnCount) {
      continue;
    }
    constraint.column += 1 - first;
    side.push_back(std::move(constraint));
  }
  return FilterOf(side, 1 + RangeFilter::kPage);
}

}  // namespace

std::vector<TableColumn> WithChangeArguments(const std::vector<TableColumn>& columns) {
  std::vector<TableColumn> all = {
      {"before_snapshot_id", "INTEGER HIDDEN", PushDown::kRequired},
      {"after_snapshot_id", "INTEGER HIDDEN", PushDown::kRequired},
      {"match", "TEXT HIDDEN", PushDown::kOptional},
      {"volatile", "INTEGER HIDDEN", PushDown::kOptional},
      {"before_process_id", "INTEGER", PushDown::kEqual, Key::kProcess},
      {"before_mapping_id", "INTEGER", PushDown::kEqual, Key::kMapping},
      {"before_page", "INTEGER", PushDown::kRange, Key::kPage},
      {"after_process_id", "INTEGER", PushDown::kEqual, Key::kProcess},
      {"after_mapping_id", "INTEGER", PushDown::kEqual, Key::kMapping},
      {"after_page", "INTEGER", PushDown::kRange, Key::kPage},
  };
  all.insert(all.end(), columns.begin(), columns.end());
  return all;
}

std::shared_ptr<ChangeAnalysis> FindComparison(AnalysisCache& cache,
                                               const std::vector<TableConstraint>& constraints) {
  ChangeRequest request;
  for (const TableConstraint& constraint : constraints) {
    if (constraint.column >= kChangeArgumentCount) continue;
    if (!constraint.value && !constraint.text) return nullptr;
    if (constraint.column == kMatch) {
      request.mode = ModeOf(constraint.text.value_or("a number"));
      continue;
    }
    if (!constraint.value) throw Error("snapshots, and volatile, are given as numbers");
    if (constraint.column == kBeforeSnapshotId) request.before_id = *constraint.value;
    if (constraint.column == kAfterSnapshotId) request.after_id = *constraint.value;
    if (constraint.column == kVolatile) request.with_volatile = *constraint.value != 0;
  }
  return cache.Between(request);
}

void ArgumentResult(sqlite3_context* context, int column, const ChangeRequest& request) {
  if (column == kBeforeSnapshotId) return Result(context, request.before_id);
  if (column == kAfterSnapshotId) return Result(context, request.after_id);
  if (column == kMatch) return Result(context, std::string_view(MatchModeName(request.mode)));
  Result(context, int64_t{request.with_volatile});
}

RangeFilter::RangeFilter(const std::vector<TableConstraint>& constraints)
    : before_(SideFilter(constraints, kFirstBefore)),
      after_(SideFilter(constraints, kFirstAfter)) {}

bool RangeFilter::Admits(const PageFilter& filter, int64_t process_id, int64_t mapping_id,
                         uint64_t page, uint64_t page_count) {
  if (filter.snapshot_id) return false;  // FilterOf() says so that no row can be meant
  if (filter.process_id && *filter.process_id != process_id) return false;
  if (filter.mapping_id && *filter.mapping_id != mapping_id) return false;
  const PageFilter all;
  if (filter.first_page == all.first_page && filter.last_page == all.last_page) return true;
  return mapping_id != 0 && page <= filter.last_page && page + page_count > filter.first_page;
}

void RangeKeyResult(sqlite3_context* context, int column, const MatchedRange& range,
                    const ProcessMatch& process, uint64_t offset) {
  const bool is_before = column < RangeFilter::kFirstAfter;
  const int64_t mapping_id = is_before ? range.before_mapping_id : range.after_mapping_id;
  const int64_t process_id = is_before ? process.before_id : process.after_id;
  const uint64_t page = is_before ? range.before_page : range.after_page;
  switch (column - (is_before ? RangeFilter::kFirstBefore : RangeFilter::kFirstAfter)) {
    case RangeFilter::kProcessId:
      if (process_id != 0) Result(context, process_id);
      return;
    case RangeFilter::kMappingId:
      if (mapping_id != 0) Result(context, mapping_id);
      return;
    default:
      if (mapping_id != 0) Result(context, static_cast<int64_t>(page + offset));
  }
}

}  // namespace pagesnap
