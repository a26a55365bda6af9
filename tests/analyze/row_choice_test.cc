// The options that every report has, totals, and reports of the user's own.
#include "analyze/row_choice.h"

#include <gmock/gmock.h>

#include <fstream>

#include "analyze/options.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class RowChoiceTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    MachineTree machine;
    FillSampleMachine(machine);
    file_ = std::make_unique<CapturedSnapshot>(machine.reader());
  }
  static void TearDownTestSuite() { file_.reset(); }

  // The answers to a SELECT of values, which has no need of the snapshot.
  static ReportResult Ask(const std::string& sql, std::vector<std::string> options) {
    options.insert(options.begin(), {"sql", file_->path(), sql, "--format", "csv"});
    return RunReport(options);
  }
  static ReportResult RunOwn(const std::string& text, std::vector<std::string> options = {}) {
    const TestFolder folder;
    std::ofstream(folder.File("mine.sql")) << text;
    options.insert(options.begin(), {"run", folder.File("mine.sql"), file_->path()});
    return RunReport(options);
  }
  static std::unique_ptr<CapturedSnapshot> file_;
};
std::unique_ptr<CapturedSnapshot> RowChoiceTest::file_;

constexpr char kValues[] =
    "SELECT column1 AS name, column2 AS n, column3 AS path "
    "FROM (VALUES ('b', 2, '0x9'), ('a', NULL, '0x10'), ('ab', 3, '0xa')) -- the end\n;\n";

TEST_F(RowChoiceTest, SortsByNumber) {
  EXPECT_EQ(Ask(kValues, {"--sort", "n"}).out, "name,n,path\r\nb,2,0x9\r\nab,3,0xa\r\na,,0x10\r\n");
  EXPECT_EQ(Ask(kValues, {"--sort", "-n"}).out,
            "name,n,path\r\nab,3,0xa\r\nb,2,0x9\r\na,,0x10\r\n");
}

TEST_F(RowChoiceTest, SortsAddressesAsNumbers) {
  EXPECT_EQ(Ask(kValues, {"--sort", "path"}).out,
            "name,n,path\r\nb,2,0x9\r\nab,3,0xa\r\na,,0x10\r\n");
  EXPECT_EQ(Ask(kValues, {"--sort=-path"}).out,
            "name,n,path\r\na,,0x10\r\nab,3,0xa\r\nb,2,0x9\r\n");
}

TEST_F(RowChoiceTest, ColumnsAreThoseThatAreNamed) {
  EXPECT_EQ(Ask(kValues, {"--columns", "path,n", "--sort", "name"}).out,
            "path,n\r\n0x10,\r\n0xa,3\r\n0x9,2\r\n");
  EXPECT_EQ(Ask(kValues, {"--columns", "n", "--name", "b"}).out, "n\r\n2\r\n");
}

// Totals, the exit code and what is chosen are of columns that need not be printed.
TEST_F(RowChoiceTest, ColumnsChangeNoTotal) {
  const std::string all = RunReport({"maps", file_->path(), "--format", "csv"}).out;
  const std::string total = RunReport({"maps", file_->path(), "--columns", "path,pss_kib"}).out;
  const std::string whole = RunReport({"maps", file_->path()}).out;
  const std::string last = total.substr(total.rfind("\ntotal"));
  const std::string pss = last.substr(last.find_last_of(' ') + 1);
  EXPECT_THAT(whole.substr(whole.rfind("\ntotal")), HasSubstr(" " + pss.substr(0, pss.size() - 1)));
  EXPECT_EQ(RunReport({"check", file_->path(), "--columns", "test"}).code,
            RunReport({"check", file_->path()}).code);
}

// Where several processes have one name.
TEST_F(RowChoiceTest, UserAndCommandWhereThereIsAPid) {
  ChangeFile(file_->path(),
             "UPDATE process SET cmdline = 'serve --port 1' WHERE pid = 100;"
             "INSERT INTO system_fact (snapshot_id, name, value) SELECT 1, 'user.' || uid, 'www' "
             "FROM process WHERE pid = 100");
  const ReportResult shown = RunReport({"swap", file_->path(), "--by", "process", "--columns",
                                        "pid,user,command", "--pid", "100", "--format", "csv"});
  EXPECT_THAT(shown.out, testing::MatchesRegex(
                             "pid,user,command\r\n(100,[0-9]+\\(www\\),serve --port 1\r\n)+"));
  EXPECT_THAT(ErrorOf([] {
                RunReport({"info", file_->path(), "--columns", "command"});
              }),
              HasSubstr("there is no column 'command'"));
  const std::string sorted =
      RunReport({"maps", file_->path(), "--sort", "-command", "--limit", "1"}).out;
  EXPECT_THAT(sorted, HasSubstr("total"));
}

TEST_F(RowChoiceTest, SeveralNamesArePatternsOfWhichOneFits) {
  EXPECT_EQ(Ask(kValues, {"--name", "b", "--name", "a?", "--columns", "name"}).out,
            "name\r\nb\r\nab\r\n");
  const auto pids = [](const std::vector<std::string>& options) {
    std::vector<std::string> command = {"processes", file_->path(), "--columns",
                                        "pid",       "--format",    "csv"};
    command.insert(command.end(), options.begin(), options.end());
    return RunReport(command).out;
  };
  EXPECT_EQ(pids({"--pid", "100,101"}), pids({"--pid", "100", "--pid", "101"}));
  EXPECT_EQ(pids({"--pid", "101"}), "pid\r\n101\r\n");
  EXPECT_EQ(pids({"--pid", "100,101"}), "pid\r\n101\r\n100\r\n");
}

TEST_F(RowChoiceTest, UnknownColumnListsTheColumns) {
  EXPECT_EQ(ErrorOf([] {
              Ask(kValues, {"--sort", "-size"});
            }),
            "--sort: there is no column 'size'; there are name, n, path");
  EXPECT_THROW(Ask("SELECT 1 AS n", {"--sort", "n\" DESC --"}), UsageError);
  EXPECT_THROW(Ask("SELECT 1 AS n", {"--name", "x"}), UsageError);
  EXPECT_THROW(Ask("SELECT 1 AS n", {"--path", "x"}), UsageError);
}

TEST_F(RowChoiceTest, GlobsOfNameAndPath) {
  EXPECT_EQ(Ask(kValues, {"--name", "a*"}).out, "name,n,path\r\na,,0x10\r\nab,3,0xa\r\n");
  EXPECT_EQ(Ask(kValues, {"--path", "0x?"}).out, "name,n,path\r\nb,2,0x9\r\nab,3,0xa\r\n");
  EXPECT_EQ(Ask(kValues, {"--name", "a*", "--path", "0x?"}).out, "name,n,path\r\nab,3,0xa\r\n");
}

TEST_F(RowChoiceTest, LimitSaysHowManyMoreThereAre) {
  ReportResult result = Ask(kValues, {"--limit", "1"});
  EXPECT_EQ(result.out, "name,n,path\r\nb,2,0x9\r\n");
  EXPECT_EQ(result.notes, "note: 2 more rows; a larger --limit shows them\n");
  result = Ask(kValues, {"--limit", "2"});
  EXPECT_EQ(result.notes, "note: 1 more row; a larger --limit shows them\n");
  EXPECT_THAT(Ask(kValues, {"--limit", "3"}).notes, IsEmpty());
  EXPECT_EQ(ErrorOf([] {
              Ask(kValues, {"--limit", "-1"});
            }),
            "--limit -1: that is not a whole number from 0");
}

TEST_F(RowChoiceTest, WorksOnReports) {
  const ReportResult result =
      RunReport({"maps", file_->path(), "--path", "*server", "--sort", "-pid", "--limit", "1"});
  EXPECT_THAT(result.out, HasSubstr("\n  101  0x7f1000000000"));
  EXPECT_THAT(result.out, Not(HasSubstr("[heap]")));
  EXPECT_THAT(result.notes, HasSubstr("1 more row;"));
}

constexpr char kOwn[] =
    "-- title: Mine\n-- note: it is small\n-- total: n, m\n"
    "SELECT column1 AS name, column2 AS n, column3 AS m "
    "FROM (VALUES ('a', 1, 5), ('b', 20, NULL)) WHERE :snapshot = 1;\n";

TEST_F(RowChoiceTest, TotalsAreOfAllRows) {
  const ReportResult result = RunOwn(kOwn, {"--limit", "1"});
  EXPECT_EQ(result.out, "name    n  m\na       1  5\ntotal  21  5\n");
  EXPECT_EQ(result.notes,
            "note: the total of m is of 1 of 2 rows: unknown in the others\n"
            "note: 1 more row; a larger --limit shows them\n"
            "note: it is small\n");
}

TEST_F(RowChoiceTest, TotalsOfWhatIsKnown) {
  const ReportResult result = RunOwn(
      "-- total: n, m, u\n-- rows: processes\n"
      "SELECT column1 AS pid, column2 AS name, column3 AS n, column4 AS m, column5 AS u "
      "FROM (VALUES (1, 'a', 5, NULL, NULL), (2, 'b', 20, 7, NULL), (3, 'c', NULL, 2, NULL), "
      "(4, 'd', NULL, 1, NULL));\n",
      {"--limit", "1"});
  EXPECT_EQ(result.out,
            "  pid  name                  n   m  u\n    1  a                     5   -  -\n"
            "total  of 2 of 4 processes  25  10  -\n");
  EXPECT_EQ(result.notes,
            "note: no total of u: unknown in all processes\n"
            "note: the total of n is of 2 of 4 processes: unknown in the others\n"
            "note: the total of m is of 3 of 4 processes: unknown in the others\n"
            "note: 3 more rows; a larger --limit shows them\n");
}

// 1/4096 bytes that are rounded for each row lose up to 1 KiB a row.
TEST_F(RowChoiceTest, ExactTotalsAreRoundedOnce) {
  const std::string text =
      "-- total: pss_kib, more_kib\n-- exact: pss_kib = pss, more_kib = after - pss\n"
      "SELECT column1 AS name, column2 >> 22 AS pss_kib, (column3 >> 22) - (column2 >> 22) AS "
      "more_kib, column2 AS pss, column3 AS after "
      "FROM (VALUES ('a', 6291456, 10485760), ('b', 6291456, 6291456), ('c', NULL, 1));\n";
  EXPECT_EQ(RunOwn(text).out,
            "name   pss_kib  more_kib\na            1         1\nb            1         0\n"
            "c            -         -\ntotal        3         1\n");
  EXPECT_EQ(RunOwn(text, {"--format", "csv", "--limit", "1"}).out,
            "name,pss_kib,more_kib\r\na,1,1\r\n");
  EXPECT_THROW(RunOwn(text, {"--sort", "pss"}), UsageError);
  EXPECT_THROW(RunOwn("-- exact: pss_kib pss\nSELECT 1 AS pss_kib, 2 AS pss"), Error);
}

// The rows behind the limit are not read where a second SELECT knows their sums: here it lies.
constexpr char kWithSums[] =
    "-- title: Mine\n-- total: n\n"
    "SELECT column1 AS name, column2 AS n FROM (VALUES ('a', 1), ('b', 20), ('b', 300));\n"
    "-- sums:\n"
    "SELECT column1 AS name, column2 AS n, column3 AS row_count "
    "FROM (VALUES ('a', 5, 10), ('b', 7, 20));\n";

TEST_F(RowChoiceTest, SumsStandForRowsBehindTheLimit) {
  const ReportResult result = RunOwn(kWithSums, {"--limit", "1"});
  EXPECT_EQ(result.out, "name    n\na       1\ntotal  12\n");
  EXPECT_EQ(result.notes, "note: 29 more rows; a larger --limit shows them\n");
  const ReportResult sorted = RunOwn(kWithSums, {"--limit", "1", "--sort", "-n", "--name", "b"});
  EXPECT_EQ(sorted.out, "name     n\nb      300\ntotal    7\n");
  EXPECT_EQ(sorted.notes, "note: 19 more rows; a larger --limit shows them\n");
  // All rows are read, and speak for themselves.
  EXPECT_EQ(RunOwn(kWithSums).out, "name     n\na        1\nb       20\nb      300\ntotal  321\n");
  EXPECT_EQ(RunOwn(kWithSums, {"--limit", "3"}).out, RunOwn(kWithSums).out);
}

// Returns the line of totals, without the blanks of its columns.
std::string TotalLine(std::vector<std::string> arguments) {
  const std::string out = RunReport(std::move(arguments)).out;
  std::string line = out.substr(out.rfind("\ntotal") + 1);
  line.erase(
      std::unique(line.begin(), line.end(), [](char a, char b) { return a == ' ' && b == ' '; }),
      line.end());
  return line;
}

TEST_F(RowChoiceTest, SumsOfBuiltInReportsAreThoseOfTheirRows) {
  int with_sums = 0;
  for (const Report& report : BuiltInReports()) {
    if (report.sums_sql.empty()) continue;
    ++with_sums;
    std::vector<std::vector<std::string>> choices = {
        {}, {"--pid", "100"}, {"--name", "w*"}, {"--path", "*server"}, {"--sort", "-page_count"}};
    if (report.name == "runs") choices.push_back({"--min-length", "2"});
    for (std::vector<std::string>& arguments : choices) {
      arguments.insert(arguments.begin(), {report.name, file_->path()});
      const std::string total = TotalLine(arguments);
      arguments.insert(arguments.end(), {"--limit", "0"});
      EXPECT_EQ(TotalLine(arguments), total) << testing::PrintToString(arguments);
    }
  }
  EXPECT_EQ(with_sums, 2);
}

TEST_F(RowChoiceTest, TotalsAreNoRows) {
  EXPECT_EQ(RunOwn(kOwn, {"--format", "csv"}).out, "name,n,m\r\na,1,5\r\nb,20,\r\n");
  EXPECT_EQ(RunOwn("-- total: n\nSELECT 'a' AS name, 1 AS n WHERE 0").out, "name  n\n");
}

TEST_F(RowChoiceTest, OwnReportWithParameter) {
  const std::string text =
      "-- parameter pid integer: a process\nSELECT name FROM process WHERE pid = :pid";
  EXPECT_EQ(RunOwn(text, {"--pid", "101"}).out, "name\nworker\n");
  EXPECT_EQ(ErrorOf([] {
              RunReport({"run", "/nowhere.sql", "a"});
            }),
            "/nowhere.sql: No such file or directory");
  EXPECT_EQ(ErrorOf([] { RunReport({"run"}); }),
            "run: say which .sql file, and which snapshot file");
}

TEST_F(RowChoiceTest, ShownSqlGivesTheSameAnswer) {
  for (const Report& report : BuiltInReports()) {
    if (!report.needs_one_of.empty() || report.one_process) continue;
    const std::string sql = PasteableSql(report);
    EXPECT_THAT(sql, Not(HasSubstr(":snapshot")));
    EXPECT_THAT(sql, Not(HasSubstr(":after,")));
    std::vector<std::string> command = {report.name, file_->path(), "--format", "csv"};
    // There is one snapshot, which is the first and the last.
    if (report.scope == ReportScope::kTwo) {
      command.insert(command.end(), {"--before", "1", "--after", "1"});
    }
    std::string answer = RunReport({"sql", file_->path(), sql, "--format", "csv"}).out;
    if (!report.exact_totals.empty() || !report.kernel_figures.empty() ||
        !report.known_counts_column.empty()) {  // with the columns that the report itself hides
      std::string shown;
      for (const ReportColumn& column : report.columns) {
        shown += (shown.empty() ? "" : ", ") + column.name;
      }
      const std::string inner = sql.substr(0, sql.rfind(';'));
      answer = RunReport({"sql", file_->path(), "SELECT " + shown + " FROM (" + inner + "\n)",
                          "--format", "csv"})
                   .out;
    }
    EXPECT_EQ(answer, RunReport(command).out) << report.name;
  }
}

}  // namespace
}  // namespace pagesnap
