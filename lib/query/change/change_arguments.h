// What the table-valued functions page_change and change_usage have in common.
#ifndef LIB_QUERY_CHANGE_CHANGE_ARGUMENTS_H_
#define LIB_QUERY_CHANGE_CHANGE_ARGUMENTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lib/query/change/change_analysis.h"
#include "lib/query/scan/analysis_cache.h"
#include "lib/query/sqlite/virtual_table.h"

namespace pagesnap {

// Returns the columns of the arguments, and these behind them. Cursor has request().
template <typename Cursor>
std::vector<CursorColumn<Cursor>> WithArguments(std::vector<CursorColumn<Cursor>> columns) {
  const CursorColumn<Cursor> arguments[] = {
      {{"before_snapshot_id", kIntegerArgument, "", "", PushDown::kRequired},
       [](auto& row, Out out) { out(row.request().before_id); }},
      {{"after_snapshot_id", kIntegerArgument, "", "", PushDown::kRequired},
       [](auto& row, Out out) { out(row.request().after_id); }},
      {{"match", kTextArgument, "", "", PushDown::kOptional},
       [](auto& row, Out out) { out.Name(MatchModeName(row.request().mode)); }},
      {{"volatile", kIntegerArgument, "", "", PushDown::kOptional},
       [](auto& row, Out out) { out(row.request().with_volatile); }}};
  columns.insert(columns.begin(), std::begin(arguments), std::end(arguments));
  return columns;
}

// An id, or no value for a side without counterpart.
inline std::optional<int64_t> KnownId(int64_t id) {
  return id == 0 ? std::nullopt : std::optional(id);
}

constexpr const char* kNoCounterpart = "there is no counterpart";

// Returns the columns of the arguments, those that RangeFilter knows, and these behind them. Cursor
// also has process(), range() and offset(), the row's first page counted from that of the range.
template <typename Cursor>
std::vector<CursorColumn<Cursor>> WithRangeKey(std::vector<CursorColumn<Cursor>> columns) {
  const CursorColumn<Cursor> keys[] = {
      {{"before_process_id", kInteger, "", kNoCounterpart, PushDown::kEqual, Key::kProcess},
       [](auto& row, Out out) { out(KnownId(row.process().before_id)); }},
      {{"before_mapping_id", kInteger, "", kNoCounterpart, PushDown::kEqual, Key::kMapping},
       [](auto& row, Out out) { out(KnownId(row.range().before_mapping_id)); }},
      {{"before_page", kInteger, "", kNoCounterpart, PushDown::kRange, Key::kPage},
       [](auto& row, Out out) {
         if (row.range().before_mapping_id != 0) out(row.range().before_page + row.offset());
       }},
      {{"after_process_id", kInteger, "", kNoCounterpart, PushDown::kEqual, Key::kProcess},
       [](auto& row, Out out) { out(KnownId(row.process().after_id)); }},
      {{"after_mapping_id", kInteger, "", kNoCounterpart, PushDown::kEqual, Key::kMapping},
       [](auto& row, Out out) { out(KnownId(row.range().after_mapping_id)); }},
      {{"after_page", kInteger, "", kNoCounterpart, PushDown::kRange, Key::kPage},
       [](auto& row, Out out) {
         if (row.range().after_mapping_id != 0) out(row.range().after_page + row.offset());
       }}};
  columns.insert(columns.begin(), std::begin(keys), std::end(keys));
  return WithArguments<Cursor>(std::move(columns));
}

// Returns the comparison that the constraints ask for; null when an argument is NULL, so that there
// are no rows. Throws Error for an argument that means nothing.
std::shared_ptr<ChangeAnalysis> FindComparison(AnalysisCache& cache,
                                               const std::vector<TableConstraint>& constraints);

// Which ranges a query wants: by ids and pages of either side. Without a value: any.
class RangeFilter {
 public:
  RangeFilter() = default;
  explicit RangeFilter(const std::vector<TableConstraint>& constraints);

  [[nodiscard]] bool Admits(const MatchedRange& range, const ProcessMatch& process) const {
    return Admits(before_, process.before_id, range.before_mapping_id, range.before_page,
                  range.page_count) &&
           Admits(after_, process.after_id, range.after_mapping_id, range.after_page,
                  range.page_count);
  }

 private:
  static bool Admits(const PageFilter& filter, int64_t process_id, int64_t mapping_id,
                     uint64_t page, uint64_t page_count);

  PageFilter before_;
  PageFilter after_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_CHANGE_CHANGE_ARGUMENTS_H_
