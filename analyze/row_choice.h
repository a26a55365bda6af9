// Which rows of a report are wanted, and in which order: options of every report.
#ifndef ANALYZE_ROW_CHOICE_H_
#define ANALYZE_ROW_CHOICE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pagesnap {

struct RowChoice {
  std::optional<uint64_t> limit;    // rows that are printed
  std::string sort;                 // a column, with a leading '-' descending; empty: the report's
  std::optional<std::string> name;  // GLOB patterns on the columns of these names
  std::optional<std::string> path;

  // Returns whether there is a choice among all rows, or another order.
  [[nodiscard]] bool changes_rows() const { return !sort.empty() || name || path; }
};

// Returns a SELECT of the rows that are wanted of `sql`, one SELECT with these columns. It has the
// parameters of `sql`, and :choice_name and :choice_path where they are used. The limit is a part
// of it only for `stop_at_limit`, with one row more, which says that there are more. Otherwise the
// rows after it are read, to be counted. Throws UsageError when there is no such column.
std::string RowChoiceSql(const RowChoice& choice, const std::string& sql,
                         const std::vector<std::string>& columns, bool stop_at_limit);

// Returns a SELECT of what `sums_sql` (Report::sums_sql) has for the rows that are wanted: the
// columns of the report, NULL unless they are in `totals`, and then row_count. Parameters
// and errors are as above.
std::string SumsSql(const RowChoice& choice, const std::string& sums_sql,
                    const std::vector<std::string>& columns,
                    const std::vector<std::string>& totals);

}  // namespace pagesnap

#endif  // ANALYZE_ROW_CHOICE_H_
