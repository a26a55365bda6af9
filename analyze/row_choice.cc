#include "analyze/row_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/error.h"
#include "lib/base/similar.h"

namespace pagesnap {
namespace {

// Returns the place of a column. Throws UsageError when there is none of this name.
size_t FindColumn(const char* option, const std::string& column,
                  const std::vector<std::string>& columns) {
  const auto found = std::find(columns.begin(), columns.end(), column);
  if (found != columns.end()) return static_cast<size_t>(found - columns.begin());
  const std::string meant = DidYouMean(column, columns);
  throw UsageError(
      fmt::format("--{}: there is no column '{}'{}", option, column,
                  meant.empty() ? fmt::format("; there are {}", fmt::join(columns, ", ")) : meant));
}

std::string OrderBy(const std::string& sort, const std::vector<std::string>& columns) {
  const bool descending = sort.starts_with('-');
  const std::string column = sort.substr(descending ? 1 : 0);
  FindColumn("sort", column, columns);
  // What is unknown comes last.
  return fmt::format("\nORDER BY \"{}\" COLLATE address {} NULLS LAST", column,
                     descending ? "DESC" : "ASC");
}

// Returns what chooses among the rows by name and path, empty for all.
std::string Where(const RowChoice& choice, const std::vector<std::string>& columns) {
  std::string where;
  if (!choice.names.empty()) {
    FindColumn("name", "name", columns);
    where = "\nWHERE matches(name, :choice_name)";
  }
  if (!choice.paths.empty()) {
    FindColumn("path", "path", columns);
    where += fmt::format("\n{} matches(path, :choice_path)", where.empty() ? "WHERE" : "AND");
  }
  return where;
}

// Returns the SELECT as what a FROM can have.
std::string InBrackets(const std::string& sql) {
  return fmt::format("(\n{}\n)", sql.substr(0, sql.find_last_not_of("; \n\r\t") + 1));
}

}  // namespace

std::vector<size_t> ChooseColumns(const RowChoice& choice,
                                  const std::vector<std::string>& columns) {
  std::vector<size_t> chosen;
  for (const std::string& column : choice.columns) {
    chosen.push_back(FindColumn("columns", column, columns));
  }
  for (size_t i = 0; choice.columns.empty() && i < columns.size(); ++i) chosen.push_back(i);
  return chosen;
}

std::string WithIdentity(const RowChoice& choice, const std::string& sql,
                         const std::vector<std::string>& columns, size_t shown_count) {
  const auto has = [&](std::string_view name) {
    return std::find(columns.begin(), columns.end(), name) != columns.end();
  };
  const auto is_wanted = [&](std::string_view name) {
    const auto& chosen = choice.columns;
    return !has(name) && (std::find(chosen.begin(), chosen.end(), name) != chosen.end() ||
                          choice.sort.ends_with(name));
  };
  std::string added;
  for (const char* name : {"user", "command"}) {
    if (!is_wanted(name)) continue;
    added += fmt::format(
        ", (SELECT i.{} FROM process p JOIN process_identity i ON i.process_id = p.id "
        "WHERE p.snapshot_id = :snapshot AND p.pid = r.pid) AS {}",
        name, name);
  }
  if (added.empty() || !has("pid")) return sql;
  std::string wanted;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i == shown_count) wanted += added;
    wanted += fmt::format("{}r.\"{}\"", i == 0 ? "" : ", ", columns[i]);
  }
  if (shown_count == columns.size()) wanted += added;
  return fmt::format("SELECT {} FROM {} r", wanted, InBrackets(sql));
}

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
