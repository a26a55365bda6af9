// A report, ready to be asked.
#ifndef ANALYZE_PREPARED_REPORT_H_
#define ANALYZE_PREPARED_REPORT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "analyze/address_choice.h"
#include "analyze/notes.h"
#include "analyze/report.h"
#include "analyze/row_choice.h"
#include "lib/base/text.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// A report with the values of its parameters and the rows that are wanted of it. All of its
// statements have the same values.
class PreparedReport {
 public:
  // All are borrowed but `snapshots`, `values` and `ranges`, which are those of ChooseSnapshots(),
  // of the command line and of ChooseRanges().
  PreparedReport(const Report& report, const RowChoice& choice, const ChosenSnapshots& snapshots,
                 const ParameterValues& values, const ChosenRanges& ranges,
                 const Database& database);

  // Returns the statement for the rows that are wanted. Those after the limit are among them, to be
  // counted, unless Sums() returns a statement. Throws UsageError when the user's SQL or choice of
  // rows is wrong.
  [[nodiscard]] Statement Rows() const;
  // Returns the statement of SumsSql() where there is a limit and the report has sums. `columns`
  // are those of Rows().
  [[nodiscard]] std::optional<Statement> Sums(const std::vector<std::string>& columns) const;
  // Returns the note below the table (report.h, "summary"), "" where there is none: as a rule, or
  // as not all rows are wanted, or where a damaged file does not say it.
  [[nodiscard]] std::string Summary(const std::map<std::string, int64_t>& totals) const;
  // Returns the lines above or below the table: `sql` is Report::heading_sql or footing_sql, and
  // `files` what the user wrote; what others chose in them is made safe for `medium`. "" where
  // there are none.
  [[nodiscard]] std::string Lines(const std::string& sql, const std::string& files,
                                  Medium medium) const;
  // Returns a statement of other SQL with the values of this report.
  [[nodiscard]] Statement Prepare(const std::string& sql) const;

 private:
  void BindRanges(const ReportParameter& parameter, const std::vector<ChosenPages>& ranges);
  [[nodiscard]] bool has_sums() const { return choice_.limit && !report_.sums_sql.empty(); }
  [[nodiscard]] Statement PrepareReport() const;

  const Report& report_;
  const RowChoice& choice_;
  const Database& database_;
  std::vector<std::pair<std::string, std::variant<int64_t, std::string>>> values_;  // by ":name"
};

}  // namespace pagesnap

#endif  // ANALYZE_PREPARED_REPORT_H_
