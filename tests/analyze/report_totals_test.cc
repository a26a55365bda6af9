// Totals of reports: each is the sum of the rows that the report lists.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <sstream>

#include "analyze/report.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

std::vector<std::string> SamplePaths() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(PAGESNAP_SAMPLE_DIR)) {
    if (entry.path().extension() == ".pagesnap") paths.push_back(entry.path());
  }
  return paths;
}

// Cells of a row of CSV (RFC 4180), which begins at *at and is left behind.
std::vector<std::string> NextRow(const std::string& csv, size_t* at) {
  std::vector<std::string> cells(1);
  for (bool quoted = false; *at < csv.size();) {
    const char c = csv[(*at)++];
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      cells.emplace_back();
    } else if (c == '\n' && !quoted) {
      break;
    } else if (c != '\r') {
      cells.back() += c;
    }
  }
  return cells;
}

// All rows of a report by column, with those that it does not print: of CSV, as JSON of this size
// takes a test without optimisation ten times as long.
std::map<std::string, std::vector<std::string>> ColumnsOf(const std::string& report,
                                                          const std::string& path) {
  const std::string csv =
      RunReport({"sql", path, PasteableSql(FindReport(report)), "--format", "csv"}).out;
  size_t at = 0;
  const std::vector<std::string> names = NextRow(csv, &at);
  std::map<std::string, std::vector<std::string>> columns;
  for (const std::string& name : names) columns[name];
  while (at < csv.size()) {
    std::vector<std::string> cells = NextRow(csv, &at);
    for (size_t i = 0; i < names.size(); ++i) columns[names[i]].push_back(std::move(cells.at(i)));
  }
  return columns;
}

// Returns the sum of what is known in a column; nothing where no row is.
std::optional<int64_t> SumOf(const std::vector<std::string>& cells) {
  int64_t sum = 0;
  bool is_known = false;
  for (const std::string& cell : cells) {
    if (cell.empty()) continue;
    sum += std::stoll(cell);
    is_known = true;
  }
  return is_known ? std::optional(sum) : std::nullopt;
}

// Returns the total of a column of a report; `hidden` are its columns that are not printed.
std::optional<int64_t> TotalOf(const Report& report, const std::string& column,
                               const std::map<std::string, std::vector<std::string>>& columns) {
  for (const ExactTotal& exact : report.exact_totals) {
    if (exact.column != column) continue;
    const std::optional<int64_t> sum = SumOf(columns.at(exact.added));
    return sum ? std::optional(*sum >> 22) : std::nullopt;
  }
  return SumOf(columns.at(column));
}

// Returns the cells of the line that begins with "total", or else of the last, without that word.
std::vector<std::string> TotalCells(const std::string& table) {
  const size_t total = table.rfind("\ntotal ");
  const size_t end = table.find_last_not_of('\n');
  const size_t begin = total != std::string::npos ? total : table.rfind('\n', end);
  std::istringstream line(table.substr(begin + 1, table.find('\n', begin + 1) - begin));
  std::vector<std::string> cells;
  for (std::string cell; line >> cell;) {
    if (cell == "of") {  // N of M ROWS
      line >> cell >> cell >> cell >> cell;
    } else if (cell != "total") {
      cells.push_back(cell);
    }
  }
  return cells;
}

// With and without a limit: the total is of all rows.
TEST(ReportTotalsTest, AreTheSumsOfTheRows) {
  size_t totals = 0;
  for (const std::string& path : SamplePaths()) {
    for (const Report& report : BuiltInReports()) {
      if (report.total_columns.empty() || !report.needs_one_of.empty()) continue;
      if (report.scope == ReportScope::kTwo) continue;  // diff_test has two snapshots for them
      const auto columns = ColumnsOf(report.name, path);
      if (columns.begin()->second.empty()) continue;
      SCOPED_TRACE(fmt::format("{} {}", report.name, path));
      std::vector<std::string> expected;
      for (const ReportColumn& column : report.columns) {
        const auto& names = report.total_columns;
        if (std::find(names.begin(), names.end(), column.name) == names.end()) continue;
        const std::vector<std::string>& rows = columns.at(column.name);
        const auto& complete = report.complete_columns;
        if (std::ranges::find(complete, column.name) != complete.end() &&
            std::ranges::find(rows, "") != rows.end()) {
          continue;
        }
        const std::optional<int64_t> sum = TotalOf(report, column.name, columns);
        expected.push_back(sum ? std::to_string(*sum) : "-");
      }
      for (const char* limit : {"1", "1000000"}) {
        EXPECT_EQ(TotalCells(RunReport({report.name, path, "--limit", limit}).out), expected);
      }
      ++totals;
    }
  }
  EXPECT_GT(totals, 10u);
}

}  // namespace
}  // namespace pagesnap
