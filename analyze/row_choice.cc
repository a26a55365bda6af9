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
  const char* direction = descending ? "DESC" : "ASC";
  // Addresses are texts of different lengths: the longer is the higher. What is unknown comes last.
  return fmt::format(
      "\nORDER BY IIF(\"{0}\" GLOB '0x*', LENGTH(\"{0}\"), NULL) {1}, \"{0}\" {1} NULLS LAST",
      column, direction);
}

}  // namespace

std::string RowChoiceSql(const RowChoice& choice, const std::string& sql,
                         const std::vector<std::string>& columns) {
  if (!choice.changes_rows()) return sql;
  std::string where;
  if (choice.name) {
    CheckColumn("name", "name", columns);
    where = "\nWHERE name GLOB :choice_name";
  }
  if (choice.path) {
    CheckColumn("path", "path", columns);
    where += fmt::format("\n{} path GLOB :choice_path", where.empty() ? "WHERE" : "AND");
  }
  const size_t end = sql.find_last_not_of("; \n\r\t");
  std::string wanted = fmt::format("SELECT * FROM (\n{}\n){}", sql.substr(0, end + 1), where);
  if (!choice.sort.empty()) wanted += OrderBy(choice.sort, columns);
  return wanted;
}

}  // namespace pagesnap
