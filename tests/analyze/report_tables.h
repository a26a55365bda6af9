// Reports as tables: what they list, for questions over the rows of several of them.
#ifndef TESTS_ANALYZE_REPORT_TABLES_H_
#define TESTS_ANALYZE_REPORT_TABLES_H_

#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "analyze/report.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {

// The rows of reports about one snapshot, or about two, in a database in memory.
class ReportTables {
 public:
  // `session` is borrowed.
  ReportTables(const Session& session, int64_t before, int64_t after)
      : session_(session), before_(before), after_(after) {}

  // Makes a table of a report with its hidden columns. `options` are parameters by their names.
  void Add(const std::string& table, const std::string& report,
           const std::map<std::string, std::string>& options = {}) {
    AddSql(table, FindReport(report).sql, options);
  }
  // Likewise, of the first of the two.
  void AddBefore(const std::string& table, const std::string& report) {
    std::swap(before_, after_);
    Add(table, report);
    std::swap(before_, after_);
  }
  void AddSql(const std::string& table, const std::string& sql,
              const std::map<std::string, std::string>& options = {}) {
    Statement rows(session_.database(), sql);
    rows.BindName(":snapshot", after_);
    rows.BindName(":before", before_);
    rows.BindName(":after", after_);
    for (const auto& [name, value] : options) rows.BindName(":" + name, std::string_view(value));
    const std::vector<std::string> columns = rows.ColumnNames();
    std::string marks;
    for (size_t i = 0; i < columns.size(); ++i) marks += i == 0 ? "?" : ", ?";
    tables_.Execute(fmt::format("CREATE TABLE {} (\"{}\")", table, fmt::join(columns, "\", \"")));
    Statement insert(tables_, fmt::format("INSERT INTO {} VALUES ({})", table, marks));
    while (rows.Step()) {
      for (size_t i = 0; i < columns.size(); ++i) {
        const int column = static_cast<int>(i);
        if (rows.IsNull(column)) {
          insert.Bind(column + 1, std::nullopt);
        } else if (rows.IsInteger(column)) {
          insert.Bind(column + 1, rows.Int(column));
        } else {
          insert.Bind(column + 1, rows.Text(column));
        }
      }
      insert.Step();
      insert.Reset();
    }
  }

  // Makes a table of those that there are.
  void Execute(const std::string& sql) { tables_.Execute(sql); }

  // Returns the first column of the first row; "NULL" of none. A number is written as an integer.
  [[nodiscard]] std::string Ask(const std::string& sql) const {
    const std::vector<std::string> rows = QueryRows(tables_, sql);
    if (rows.empty()) return "NULL";
    const std::string& row = rows.front();
    return row.ends_with(".0") ? row.substr(0, row.size() - 2) : row;
  }

 private:
  const Session& session_;
  int64_t before_;
  int64_t after_;
  Database tables_ = Database::OpenMemory("reports");
};

}  // namespace pagesnap

#endif  // TESTS_ANALYZE_REPORT_TABLES_H_
