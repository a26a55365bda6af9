#include "analyze/sql_commands.h"

#include <fmt/format.h>

#include <cctype>
#include <string_view>
#include <vector>

#include "analyze/report.h"
#include "analyze/words.h"
#include "lib/base/error.h"

namespace pagesnap {
namespace {

constexpr std::string_view kPrefix = "report_";

std::string ViewName(const Report& report) {
  std::string name(kPrefix);
  for (const char c : report.name) {
    const bool is_plain = isalnum(static_cast<unsigned char>(c)) != 0;
    if (is_plain || name.back() != '_') name += is_plain ? c : '_';
  }
  return name;
}

// A report that asks for something has no rows without it.
bool IsView(const Report& report) { return report.needs_one_of.empty(); }

// Returns SQL without parameters, which a view cannot have: they are NULL, as if not given.
std::string WithoutParameters(std::string_view sql) {
  std::string text;
  while (!sql.empty()) {
    const std::string_view token = TakeSqlToken(&sql);
    const bool is_parameter =
        token == ":" && !sql.empty() && (isalpha(static_cast<unsigned char>(sql.front())) != 0);
    if (is_parameter) {
      TakeSqlToken(&sql);
      text += "NULL";
    } else if (token != ";") {
      text += token;
    }
  }
  return text;
}

void MakeReportViews(const Database& database) {
  for (const Report& report : BuiltInReports()) {
    if (!IsView(report)) continue;
    std::string columns;
    for (const ReportColumn& column : report.columns) {
      columns += fmt::format("{}\"{}\"", columns.empty() ? "" : ", ", column.name);
    }
    Statement view(database,
                   fmt::format("CREATE TEMP VIEW {} AS SELECT {} FROM ({})", ViewName(report),
                               columns, WithoutParameters(PasteableSql(report))));
    view.Step();
  }
}

std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

// Returns a SELECT of all that can be selected from: name, kind, about.
std::string AllTables(const Session& session) {
  std::string values;
  for (const std::string& name : session.TableNames()) {
    values += fmt::format("{}({}, 'computed', NULL)", values.empty() ? "" : ", ", Quoted(name));
  }
  for (const Report& report : BuiltInReports()) {
    if (!IsView(report)) continue;
    values += fmt::format(", ({}, 'report', {})", Quoted(ViewName(report)), Quoted(report.about));
  }
  return fmt::format(
      "WITH named(name, kind, about) AS (VALUES {}) "
      "SELECT name, kind, about FROM named UNION ALL "
      // Of an older file a view hides the table, whose columns it completes.
      "SELECT name, MIN(kind), NULL FROM (SELECT name, IIF(type = 'table', 'stored', type) AS kind "
      "FROM (SELECT name, type FROM sqlite_temp_schema UNION ALL "
      "SELECT name, type FROM sqlite_schema) WHERE type IN ('table', 'view')) "
      "WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT IN (SELECT name FROM named) "
      "GROUP BY name",
      values);
}

// Returns a SELECT of the columns of all tables, or of one.
std::string ColumnsSql(const Session& session, std::string_view table) {
  std::string values = "('', '', '')";
  for (const Report& report : BuiltInReports()) {
    if (!IsView(report) || (!table.empty() && table != ViewName(report))) continue;
    for (const ReportColumn& column : report.columns) {
      values += fmt::format(", ({}, {}, {})", Quoted(ViewName(report)), Quoted(column.name),
                            Quoted(column.description));
    }
  }
  return fmt::format(
      "WITH about(\"table\", \"column\", about) AS (VALUES {}) "
      "SELECT t.name AS \"table\", c.name AS \"column\", lower(c.type) AS type, a.about "
      "FROM ({}) t CROSS JOIN pragma_table_info(t.name) c "
      "LEFT JOIN about a ON a.\"table\" = t.name AND a.\"column\" = c.name "
      "WHERE {} ORDER BY t.name, c.cid",
      values, AllTables(session), table.empty() ? "1" : "t.name = " + Quoted(table));
}

// Throws UsageError when there is no such table.
void CheckTable(const Session& session, std::string_view table) {
  Statement statement(session.database(), fmt::format("SELECT 1 FROM ({}) WHERE name = {}",
                                                      AllTables(session), Quoted(table)));
  if (!statement.Step()) {
    throw UsageError(fmt::format("there is no table '{}'; .tables lists all", table));
  }
}

}  // namespace

std::string ExpandSql(const std::string& text, const Session& session) {
  const bool is_command = text.starts_with('.');
  if (is_command || text.find(kPrefix) != std::string::npos) MakeReportViews(session.database());
  if (!is_command) return text;
  const std::vector<std::string> words = SplitList(text, ' ');
  if (words[0] == ".tables" && words.size() == 1) {
    return fmt::format("SELECT name, kind, about FROM ({}) ORDER BY kind = 'report', name",
                       AllTables(session));
  }
  if (words[0] == ".schema" && words.size() <= 2) {
    const std::string table = words.size() == 2 ? words[1] : "";
    if (!table.empty()) CheckTable(session, table);
    return ColumnsSql(session, table);
  }
  throw UsageError(
      fmt::format("sql: there is no command '{}'; there are .tables and .schema [NAME]", text));
}

}  // namespace pagesnap
