#include "analyze/prepared_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "lib/base/error.h"
#include "lib/base/number.h"

namespace pagesnap {
namespace {

std::variant<int64_t, std::string> ValueOf(const ReportParameter& parameter,
                                           const std::vector<std::string>& given) {
  if (parameter.repeated) return nlohmann::json(given).dump();
  if (parameter.type != "integer" && !parameter.is_flag()) return given[0];
  return static_cast<int64_t>(ParseUnsigned(given[0]).value_or(0));
}

}  // namespace

PreparedReport::PreparedReport(const Report& report, const RowChoice& choice,
                               const ChosenSnapshots& snapshots, const ParameterValues& values,
                               const Database& database)
    : report_(report), choice_(choice), database_(database) {
  if (!snapshots.empty()) {
    values_ = {{":snapshot", snapshots.back()},
               {":before", snapshots.front()},
               {":after", snapshots.back()}};
  }
  for (const ReportParameter& parameter : report.parameters) {
    auto given = values.find(parameter.name);
    if (given == values.end()) continue;
    values_.emplace_back(":" + SqlName(parameter.name), ValueOf(parameter, given->second));
  }
  if (choice.name) values_.emplace_back(":choice_name", *choice.name);
  if (choice.path) values_.emplace_back(":choice_path", *choice.path);
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
  if (!choice_.changes_rows()) return plain;
  columns.resize(ShownCount(report_, columns));
  return Prepare(RowChoiceSql(choice_, report_.sql, columns, has_sums()));
}

std::optional<Statement> PreparedReport::Sums(const std::vector<std::string>& columns) const {
  if (!has_sums()) return std::nullopt;
  return Prepare(SumsSql(choice_, report_.sums_sql, columns, report_.total_columns));
}

}  // namespace pagesnap
