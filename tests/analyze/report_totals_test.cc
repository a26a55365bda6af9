// Totals of reports: each is the sum of the rows that the report lists, and reports that count the
// same come to the same, by ways as different as their SQL.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <sstream>

#include "analyze/report.h"
#include "tests/query/random_snapshot.h"
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

// Returns the cells of the last line of a table, without the word "total".
std::vector<std::string> TotalCells(const std::string& table) {
  const size_t end = table.find_last_not_of('\n');
  const size_t begin = table.rfind('\n', end);
  std::istringstream line(table.substr(begin + 1, end - begin));
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

// A column of a report, and what its sum over all rows has to be in the last snapshot of a file.
struct SameTotal {
  const char* report;
  const char* column;
  const char* expected;
  const char* table;
};
constexpr SameTotal kSameTotals[] = {
    {"processes", "rss_kib", "SUM(rss_kib)", "mapping_usage"},
    {"processes", "pss_kib", "SUM(pss) >> 22", "mapping_usage"},
    {"processes", "kernel_rss_kib", "SUM(rss_kib)", "kernel_usage"},
    {"maps", "rss_kib", "SUM(rss_kib)", "process_usage"},
    {"maps", "pss_kib", "SUM(pss) >> 22", "process_usage"},
    {"maps", "uss_kib", "SUM(uss_kib)", "process_usage"},
    {"maps", "swap_kib", "SUM(swap_kib)", "process_usage"},
    {"maps", "virtual_kib", "SUM(virtual_kib)", "process_usage"},
    {"maps --by path", "rss_kib", "SUM(rss_kib)", "process_usage"},
    {"maps --by path", "pss_kib", "SUM(pss) >> 22", "process_usage"},
    {"maps --by path", "swap_kib", "SUM(swap_kib)", "process_usage"},
    {"diff-processes", "after_rss_kib", "SUM(rss_kib)", "mapping_usage"},
    {"diff-processes", "after_pss_kib", "SUM(pss) >> 22", "mapping_usage"},
    {"diff-total", "after_pss_kib", "SUM(pss) >> 22", "process_usage"},
    {"diff-total", "after_uss_kib", "SUM(uss_kib)", "process_usage"},
    {"maps", "anonymous_kib", "SUM(anonymous_kib)", "mapping_usage"},
    {"processes", "shmem_kib", "SUM(shmem_kib)", "mapping_usage"},
    {"pages", "page_count", "COUNT(*)", "page"},
    {"flags", "frame_count", "COUNT(*)", "frame"},
    {"numa", "page_count", "SUM(present_count)", "mapping_usage"},
    {"hugepages", "present_kib", "SUM(present_count) * page_size / 1024",
     "mapping_usage JOIN snapshot ON snapshot.id = snapshot_id"},
    {"shared", "frame_count", "SUM(frame_count)", "sharing_group"},
};

void ExpectSameTotals(const std::string& path) {
  const Session session(path);
  std::map<std::string, std::map<std::string, std::vector<std::string>>> reports;
  for (const SameTotal& same : kSameTotals) {
    const std::vector<std::string> expected = QueryRows(
        session.database(), fmt::format("SELECT COALESCE({}, 0) FROM {} "
                                        "WHERE snapshot_id = (SELECT MAX(id) FROM snapshot)",
                                        same.expected, same.table));
    auto& columns = reports[same.report];
    if (columns.empty()) columns = ColumnsOf(same.report, path);
    const std::optional<int64_t> sum = TotalOf(FindReport(same.report), same.column, columns);
    EXPECT_EQ(std::to_string(sum.value_or(0)), expected.at(0))
        << same.report << "." << same.column << " of " << path;
  }
}

TEST(ReportTotalsTest, AgreeWithEachOther) {
  for (const std::string& path : SamplePaths()) ExpectSameTotals(path);
}

// Returns whether all is known of the snapshots of a file, and the reports can compare them.
bool IsWhole(const std::string& path) {
  const Session session(path);
  return QueryRows(
             session.database(),
             "SELECT (SELECT COUNT(*) FROM mapping_usage WHERE missing IS NOT NULL), "
             "(SELECT COUNT(DISTINCT page_size) FROM snapshot), "
             "(SELECT MIN(present_count) > 0 FROM (SELECT SUM(present_count) AS present_count "
             "FROM mapping_usage GROUP BY snapshot_id) HAVING COUNT(*) = 2)")
             .at(0) == "0|1|1";
}

TEST(ReportTotalsTest, AgreeInRandomSnapshots) {
  const TestFolder folder;
  size_t compared = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const std::string path = folder.File("a");
    WriteRandomSnapshots(path, seed,
                         seed % 2 == 0 ? RandomMemory::kScattered : RandomMemory::kRuns);
    ChangeFile(path, "DELETE FROM gap");
    if (IsWhole(path)) {
      ++compared;
      ExpectSameTotals(path);
    }
    std::filesystem::remove(path);
  }
  EXPECT_GT(compared, 3u);
}

}  // namespace
}  // namespace pagesnap
