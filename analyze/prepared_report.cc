#include "analyze/prepared_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/base/text.h"

namespace pagesnap {
namespace {

// Returns a JSON array of texts, which matches() and json_each() read.
std::string ListOf(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts) {
    list += list.size() > 1 ? ",\"" : "\"";
    AppendText(text, Medium::kJson, &list);
    list += '"';
  }
  return list + "]";
}

std::variant<int64_t, std::string> ValueOf(const ReportParameter& parameter,
                                           const std::vector<std::string>& given) {
  if (parameter.type == "pids") return fmt::format("[{}]", fmt::join(given, ","));
  if (parameter.repeated) return ListOf(given);
  if (parameter.type != "integer" && !parameter.is_flag()) return given[0];
  return static_cast<int64_t>(ParseUnsigned(given[0]).value_or(0));
}

}  // namespace

PreparedReport::PreparedReport(const Report& report, const RowChoice& choice,
                               const ChosenSnapshots& snapshots, const ParameterValues& values,
                               const ChosenRanges& ranges, const Database& database)
    : report_(report), choice_(choice), database_(database) {
  if (!snapshots.empty()) {
    values_ = {{":snapshot", snapshots.back()},
               {":before", snapshots.front()},
               {":after", snapshots.back()}};
  }
  for (const ReportParameter& parameter : report.parameters) {
    auto given = values.find(parameter.name);
    if (given == values.end()) continue;
    if (const auto range = ranges.find(parameter.name); range != ranges.end()) {
      BindRanges(parameter, range->second);
      continue;
    }
    values_.emplace_back(":" + SqlName(parameter.name), ValueOf(parameter, given->second));
  }
  if (!choice.names.empty()) values_.emplace_back(":choice_name", ListOf(choice.names));
  if (!choice.paths.empty()) values_.emplace_back(":choice_path", ListOf(choice.paths));
}

// Page numbers of 64-bit addresses are no negative integers.
void PreparedReport::BindRanges(const ReportParameter& parameter,
                                const std::vector<ChosenPages>& ranges) {
  const std::string name = ":" + SqlName(parameter.name);
  if (!parameter.repeated) {
    values_.emplace_back(name + "_first", static_cast<int64_t>(ranges[0].first));
    values_.emplace_back(name + "_last", static_cast<int64_t>(ranges[0].last));
    return;
  }
  nlohmann::json array = nlohmann::json::array();
  for (const ChosenPages& pages : ranges) {
    array.push_back({{"first", pages.first},
                     {"last", pages.last},
                     {"offset", pages.offset},
                     {"is_one", pages.is_one}});
  }
  values_.emplace_back(name, array.dump());
}

Statement PreparedReport::Prepare(const std::string& sql) const {
  Statement statement(database_, sql);
  for (const auto& bound : values_) {
    std::visit([&](const auto& value) { statement.BindName(bound.first, value); }, bound.second);
  }
  return statement;
}

// What SQLite does not understand in the user's SQL is a mistake there. Other errors, as a damaged
// file, do not begin with the label of the database and a colon.
Statement PreparedReport::PrepareReport() const {
  try {
    return Prepare(report_.sql);
  } catch (const Error& error) {
    const std::string label = database_.label() + ": ";
    const std::string_view what = error.what();
    if (report_.own_label.empty() || !what.starts_with(label)) throw;
    throw UsageError(fmt::format("{}: {}", report_.own_label, what.substr(label.size())));
  }
}

Statement PreparedReport::Rows() const {
  Statement plain = PrepareReport();
  std::vector<std::string> columns = plain.ColumnNames();
  if (columns.empty()) throw UsageError(fmt::format("there is no SELECT in {}", report_.own_label));
  std::string sql = report_.sql;
  if (report_.scope == ReportScope::kOne) {
    sql = WithIdentity(choice_, sql, columns, ShownCount(report_, columns));
    if (sql != report_.sql) columns = Prepare(sql).ColumnNames();
  }
  if (!choice_.changes_rows()) return sql == report_.sql ? std::move(plain) : Prepare(sql);
  columns.resize(ShownCount(report_, columns));
  return Prepare(RowChoiceSql(choice_, sql, columns, has_sums()));
}

std::optional<Statement> PreparedReport::Sums(const std::vector<std::string>& columns) const {
  if (!has_sums()) return std::nullopt;
  return Prepare(SumsSql(choice_, report_.sums_sql, columns, report_.total_columns));
}

std::string PreparedReport::Summary(const std::map<std::string, int64_t>& totals) const try {
  if (report_.summary_sql.empty() || choice_.chooses_rows()) return "";
  Statement summary = Prepare(report_.summary_sql);
  for (const auto& [column, total] : totals) summary.BindName(":total_" + column, total);
  return summary.Step() ? std::string(summary.Text(0)) : "";
} catch (const Error&) {
  return "";  // the rows, or a note, say what is damaged
}

std::string PreparedReport::Lines(const std::string& sql, const std::string& files,
                                  Medium medium) const {
  if (sql.empty()) return "";
  Statement statement = Prepare(sql);
  statement.BindName(":files", files);
  std::string lines;
  while (statement.Step()) {
    if (statement.IsNull(0)) continue;
    AppendText(statement.Text(0), medium, &lines);
    lines += '\n';
  }
  return lines;
}

}  // namespace pagesnap
