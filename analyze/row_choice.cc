#include "analyze/row_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

void CheckColumn(const char* option, const std::string& column,
                 const std::vector<std::string>& columns) {
  if (std::find(columns.begin(), columns.end(), column) != columns.end()) return;
  throw UsageError(fmt::format("--{}: there is no column '{}'; there are {}", option, column,
                               fmt::join(columns, ", ")));
}

std::string OrderBy(const std::string& sort, const std::vector<std::string>& columns) {
  const bool descending = sort.starts_with('-');
  const std::string column = sort.substr(descending ? 1 : 0);
  CheckColumn("sort", column, columns);
  // What is unknown comes last.
  return fmt::format("\nORDER BY \"{}\" COLLATE address {} NULLS LAST", column,
                     descending ? "DESC" : "ASC");
}

// Returns what chooses among the rows by name and path, empty for all.
std::string Where(const RowChoice& choice, const std::vector<std::string>& columns) {
  std::string where;
  if (choice.name) {
    CheckColumn("name", "name", columns);
    where = "\nWHERE matches(name, :choice_name)";
  }
  if (choice.path) {
    CheckColumn("path", "path", columns);
    where += fmt::format("\n{} matches(path, :choice_path)", where.empty() ? "WHERE" : "AND");
  }
  return where;
}

// Returns the SELECT as what a FROM can have.
std::string InBrackets(const std::string& sql) {
  return fmt::format("(\n{}\n)", sql.substr(0, sql.find_last_not_of("; \n\r\t") + 1));
}

}  // namespace

std::string RowChoiceSql(const RowChoice& choice, const std::string& sql,
                         const std::vector<std::string>& columns, bool stop_at_limit) {
  if (!choice.changes_rows()) return sql;
  std::string wanted = fmt::format("SELECT * FROM {}{}", InBrackets(sql), Where(choice, columns));
  if (!choice.sort.empty()) wanted += OrderBy(choice.sort, columns);
  // With it, the rows that are sorted are never more.
  if (stop_at_limit && choice.limit < INT64_MAX) {
    wanted += fmt::format("\nLIMIT {}", *choice.limit + 1);
  }
  return wanted;
}

std::string SumsSql(const RowChoice& choice, const std::string& sums_sql,
                    const std::vector<std::string>& columns,
                    const std::vector<std::string>& totals) {
  std::string wanted = "SELECT ";
  for (const std::string& column : columns) {
    const bool is_total = std::find(totals.begin(), totals.end(), column) != totals.end();
    wanted += is_total ? fmt::format("\"{}\", ", column) : "NULL, ";
  }
  return fmt::format("{}row_count FROM {}{}", wanted, InBrackets(sums_sql), Where(choice, columns));
}

}  // namespace pagesnap
