// What the table-valued functions page_change and change_usage have in common.
#ifndef LIB_QUERY_CHANGE_CHANGE_ARGUMENTS_H_
#define LIB_QUERY_CHANGE_CHANGE_ARGUMENTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lib/query/snapshot_analysis.h"
#include "lib/query/sqlite/virtual_table.h"

namespace pagesnap {

// The arguments, which are the first columns.
enum ChangeArgument {
  kBeforeSnapshotId,
  kAfterSnapshotId,
  kMatch,
  kVolatile,
  kChangeArgumentCount
};

// Returns the columns of the arguments, those of RangeFilter, and these behind them.
std::vector<TableColumn> WithChangeArguments(const std::vector<TableColumn>& columns);

// Returns the comparison that the constraints ask for; null when an argument is NULL, so that there
// are no rows. Throws Error for an argument that means nothing.
std::shared_ptr<ChangeAnalysis> FindComparison(AnalysisCache& cache,
                                               const std::vector<TableConstraint>& constraints);

// Sets the result of an argument's column.
void ArgumentResult(sqlite3_context* context, int column, const ChangeRequest& request);

// Which ranges a query wants: by ids and pages of either side. Without a value: any.
class RangeFilter {
 public:
  // The columns of the keys follow the arguments in the order of this enumeration.
  enum Column { kProcessId, kMappingId, kPage, kColumnCount };
  static constexpr int kFirstBefore = kChangeArgumentCount;
  static constexpr int kFirstAfter = kFirstBefore + kColumnCount;
  static constexpr int kFirstBehind = kFirstAfter + kColumnCount;

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

// Sets the result of a column of RangeFilter for the page at `offset` in the range: NULL for a side
// without counterpart.
void RangeKeyResult(sqlite3_context* context, int column, const MatchedRange& range,
                    const ProcessMatch& process, uint64_t offset);

}  // namespace pagesnap

#endif  // LIB_QUERY_CHANGE_CHANGE_ARGUMENTS_H_
