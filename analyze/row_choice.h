// Which rows of a report are wanted, and in which order: options of every report.
#ifndef ANALYZE_ROW_CHOICE_H_
#define ANALYZE_ROW_CHOICE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pagesnap {

struct RowChoice {
  std::optional<uint64_t> limit;   // rows that are printed
  std::string sort;                // a column, with a leading '-' descending; empty: the report's
  std::vector<std::string> names;  // GLOB patterns on the column "name"; empty: all
  std::vector<std::string> paths;  // and on "path"
  std::vector<std::string> columns = {};  // that are printed, in this order; empty: all

  // Returns whether there is a choice among all rows.
  [[nodiscard]] bool chooses_rows() const { return !names.empty() || !paths.empty(); }
  // The same, or another order.
  [[nodiscard]] bool changes_rows() const { return !sort.empty() || chooses_rows(); }
};

// Returns which of these columns of a report are printed, in their order. Throws UsageError for one
// that there is not.
std::vector<size_t> ChooseColumns(const RowChoice& choice, const std::vector<std::string>& columns);

// Returns `sql`, one SELECT of a report about one snapshot with these columns, of which the first
// `shown_count` are printed, with the columns "user" and "command" of the process of each row
// before the others: those of them that the choice names, and that the report has not. They need a
// column "pid".
std::string WithIdentity(const RowChoice& choice, const std::string& sql,
                         const std::vector<std::string>& columns, size_t shown_count);

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
