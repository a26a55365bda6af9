// The plans that the reports rely on: a native table inside a join is always asked for some of its
// rows, and what a report takes grows with the mappings, not with their square.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <set>

#include "analyze/report.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/report_arguments.h"

namespace pagesnap {
namespace {

constexpr int64_t kMappings = 20000;
constexpr int64_t kProcesses = 2000;

// A sample with many more mappings and processes.
class PlanTest : public testing::Test {
 protected:
  PlanTest() : path_(folder_.File("a")) {
    std::filesystem::copy_file(std::string(PAGESNAP_SAMPLE_DIR) + "/workload.pagesnap", path_);
    const std::string rows =
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {}) ";
    ChangeFile(path_, fmt::format(fmt::runtime(rows + "INSERT INTO mapping SELECT 100000 + i, "
                                                      "(SELECT MAX(process_id) FROM mapping), "
                                                      "(1 << 40) + 2 * i, 1, 'rw-p', 0, NULL, "
                                                      "NULL, NULL FROM n"),
                                  kMappings));
    ChangeFile(path_, fmt::format(fmt::runtime(rows + "INSERT INTO process SELECT 1000 + i, 1, "
                                                      "100000 + i, 1, i, 'p', NULL, NULL, 0, 'S', "
                                                      "1, NULL, 0, 0 FROM n"),
                                  kProcesses));
    // Reports are about one process where several have memory.
    session_ = std::make_unique<Session>(path_);
    pid_ = QueryRows(session_->database(),
                     "SELECT pid FROM process WHERE mapping_count > 0 ORDER BY id DESC")
               .at(0);
  }
  void Bind(const Report& report, Statement* statement) const {
    for (const char* name : {":snapshot", ":before", ":after"}) statement->BindName(name, 1);
    if (report.one_process) statement->BindName(":pid", std::string_view(pid_));
    if (!report.needs_one_of.empty()) {
      statement->BindName(":address", std::string_view(R"(["0x7f2bec09d000"])"));
    }
  }

  TestFolder folder_;
  std::string path_;
  std::unique_ptr<Session> session_;
  std::string pid_;
};

// Of the loops of one SELECT all but the first run many times. The first of `processes`, too, would
// look at the pages of all snapshots.
TEST_F(PlanTest, NativeTablesInsideAJoinAreNotScanned) {
  int tables = 0;
  for (const Report& report : BuiltInReports()) {
    Statement plan(session_->database(), "EXPLAIN QUERY PLAN " + report.sql);
    Bind(report, &plan);
    std::set<int64_t> has_loop;  // the SELECTs whose first loop was seen
    while (plan.Step()) {
      const std::string step(plan.Text(3));
      if (!step.starts_with("SCAN ") && !step.starts_with("SEARCH ")) continue;
      const bool is_inner = !has_loop.insert(plan.Int(1)).second || report.name == "processes";
      const size_t at = step.find(" VIRTUAL TABLE INDEX ");
      if (!is_inner || at == std::string::npos) continue;
      ++tables;
      // Behind the colon are the columns that are asked for (virtual_table.cc); json_each has none
      // there, and is one of a few texts.
      const std::string asked = step.substr(step.find(':', at) + 1);
      const bool is_json = step.find(" INDEX 1:") != std::string::npos;
      EXPECT_TRUE(is_json || (!asked.empty() && asked.front() != ' '))
          << report.name << ": " << step;
    }
  }
  EXPECT_GT(tables, 20);
}

// What goes through all mappings for each mapping is refused long before it would be done.
TEST_F(PlanTest, NoReportTakesTheSquareOfAllMappings) {
  for (const Report& report : BuiltInReports()) {
    std::vector<std::vector<std::string>> variants = {{}};
    if (report.name == "timeline") variants.push_back({"--by", "mapping"});
    if (report.name == "diff-maps") variants.push_back({"--all"});
    for (const auto& options : variants) {
      std::vector<std::string> arguments = {report.name, path_};
      for (const auto& more : {ReportArguments(report, path_), options}) {
        arguments.insert(arguments.end(), more.begin(), more.end());
      }
      EXPECT_EQ(ErrorOf([&] { RunReport(arguments); }), "no error")
          << fmt::format("{}", fmt::join(arguments, " "));
    }
  }
}

}  // namespace
}  // namespace pagesnap
