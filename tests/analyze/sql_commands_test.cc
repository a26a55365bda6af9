#include "analyze/sql_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analyze/report.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

using testing::HasSubstr;

std::string Sample() { return std::string(PAGESNAP_SAMPLE_DIR) + "/workload.pagesnap"; }

std::string Ask(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"sql", Sample()});
  arguments.insert(arguments.end(), {"--format", "csv"});
  return RunReport(arguments).out;
}

// Those that ask for something have no rows without it.
TEST(SqlCommandsTest, EveryReportIsAViewWithItsColumns) {
  int views = 0;
  for (const Report& report : BuiltInReports()) {
    if (!report.needs_one_of.empty() || report.scope == ReportScope::kTwo) continue;
    std::string name = "report_" + report.name;
    for (size_t at; (at = name.find(" --")) != std::string::npos;) name.replace(at, 3, "_");
    for (char& c : name) c = c == ' ' || c == '-' ? '_' : c;
    std::string header;
    for (const ReportColumn& column : report.columns) {
      header += (header.empty() ? "" : ",") + column.name;
    }
    const std::string rows = Ask({"SELECT * FROM " + name + " LIMIT 3"});
    EXPECT_EQ(rows.substr(0, rows.find('\r')), header) << report.name;
    ++views;
  }
  EXPECT_GT(views, 30);
}

TEST(SqlCommandsTest, AViewHasTheRowsOfItsReport) {
  EXPECT_EQ(Ask({"SELECT * FROM report_maps"}),
            RunReport({"maps", Sample(), "--format", "csv"}).out);
  EXPECT_EQ(Ask({"SELECT * FROM report_maps_by_path"}),
            RunReport({"maps", "--by", "path", Sample(), "--format", "csv"}).out);
}

TEST(SqlCommandsTest, TablesAreAllThatCanBeSelectedFrom) {
  const std::string tables = Ask({".tables"});
  for (const char* line : {"\npage,computed,", "\nprocess,stored,", "\nprocess_usage,view,",
                           "\nreport_maps,report,What each mapping has"}) {
    EXPECT_THAT(tables, HasSubstr(line));
  }
  EXPECT_EQ(Ask({"SELECT COUNT(*) FROM report_maps_by_path WHERE 0"}), "COUNT(*)\r\n0\r\n");
}

TEST(SqlCommandsTest, SchemaHasColumnsAndWhatTheyAre) {
  EXPECT_THAT(Ask({".schema", "report_maps"}), HasSubstr("report_maps,pid,integer,process id"));
  EXPECT_THAT(Ask({".schema page"}), HasSubstr("\npage,pfn,integer,"));
  EXPECT_THAT(Ask({".schema"}), HasSubstr("\nprocess,pid,integer,"));
}

}  // namespace
}  // namespace pagesnap
