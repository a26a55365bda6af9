// A report, ready to be asked.
#ifndef ANALYZE_PREPARED_REPORT_H_
#define ANALYZE_PREPARED_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "analyze/notes.h"
#include "analyze/report.h"
#include "analyze/row_choice.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// A report with the values of its parameters and the rows that are wanted of it. All of its
// statements have the same values.
class PreparedReport {
 public:
  // All are borrowed but `snapshots` and `values`, which are those of ChooseSnapshots() and of the
  // command line.
  PreparedReport(const Report& report, const RowChoice& choice, const ChosenSnapshots& snapshots,
                 const ParameterValues& values, const Database& database);

  // Returns the statement for the rows that are wanted. Those after the limit are among them, to be
  // counted, unless Sums() returns a statement. Throws UsageError when the user's SQL or choice of
  // rows is wrong.
  [[nodiscard]] Statement Rows() const;
  // Returns the statement of SumsSql() where there is a limit and the report has sums. `columns`
  // are those of Rows().
  [[nodiscard]] std::optional<Statement> Sums(const std::vector<std::string>& columns) const;
  // Returns a statement of other SQL with the values of this report.
  [[nodiscard]] Statement Prepare(const std::string& sql) const;

 private:
  [[nodiscard]] bool has_sums() const { return choice_.limit && !report_.sums_sql.empty(); }
  [[nodiscard]] Statement PrepareReport() const;

  const Report& report_;
  const RowChoice& choice_;
  const Database& database_;
  std::vector<std::pair<std::string, std::variant<int64_t, std::string>>> values_;  // by ":name"
};

}  // namespace pagesnap

#endif  // ANALYZE_PREPARED_REPORT_H_
