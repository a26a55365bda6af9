#include ".packaging/manual.h"

#include <gmock/gmock.h>

#include <cstdio>
#include <fstream>

#include "analyze/report.h"
#include "capture/options.h"
#include "lib/base/error.h"
#include "lib/store/format_tables.h"

namespace pagesnap {
namespace {

using testing::HasSubstr;

TEST(ManualTest, EscapesWhatTroffActsOn) {
  EXPECT_EQ(EscapedForTroff(".so x\n'a\\b-c"), "\\&.so x\n\\&\\(aqa\\eb\\-c");
  EXPECT_EQ(EscapedForTroff("a \"b\" ~^`\n"), "a \\(dqb\\(dq \\(ti\\(ha\\(ga");
}

TEST(ManualTest, ReadsTablesWithTheirComments) {
  const std::vector<TableText> tables = ReadTables(
      "-- A file.\n\n-- One\n-- thing.\nCREATE TABLE thing (\n  id INTEGER PRIMARY KEY,\n"
      "  name TEXT NOT NULL,  -- what it\n                       -- is called\n"
      "  PRIMARY KEY (id, name)\n) STRICT;\nCREATE INDEX x ON thing (name);\n");
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(tables[0].name, "thing");
  EXPECT_EQ(tables[0].about, "One thing. Its key is (id, name).");
  ASSERT_EQ(tables[0].columns.size(), 2u);
  EXPECT_EQ(tables[0].columns[0].description, "INTEGER PRIMARY KEY");
  EXPECT_EQ(tables[0].columns[1].name, "name");
  EXPECT_EQ(tables[0].columns[1].description, "TEXT NOT NULL: what it is called");
}

TEST(ManualTest, HasEveryOptionReportColumnAndTable) {
  const std::string capture = ManualPage("capture");
  for (const OptionHelp& option : CaptureHelp().options) {
    EXPECT_THAT(capture, HasSubstr("\\-\\-" + EscapedForTroff(option.name)));
  }
  const std::string analyze = ManualPage("analyze");
  for (const Report& report : BuiltInReports()) {
    EXPECT_THAT(analyze, HasSubstr(".SS \"analyze " + EscapedForTroff(report.name) + "\""));
    for (const ReportColumn& column : report.columns) {
      EXPECT_THAT(analyze, HasSubstr(".B " + EscapedForTroff(column.name) + "\n"));
    }
  }
  const std::string format = ManualPage("pagesnap");
  for (const TableText& table : ReadTables(TablesSql())) {
    EXPECT_THAT(format, HasSubstr("\n.SS " + table.name + "\n"));
    EXPECT_FALSE(table.columns.empty()) << table.name;
  }
  EXPECT_THROW(ManualPage("other"), Error);
}

TEST(ManualTest, IsFormattedWithoutWarnings) {
  if (system("man --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "man is not installed";
  for (const char* name : {"capture", "analyze", "pagesnap"}) {
    const std::string path = testing::TempDir() + name + ".man";
    std::ofstream(path) << ManualPage(name);
    const std::string command =
        "LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l '" + path + "' 2>&1 >/dev/null";
    FILE* said = popen(command.c_str(), "r");
    ASSERT_NE(said, nullptr);
    char line[200];
    EXPECT_EQ(fgets(line, sizeof line, said), nullptr) << line;
    EXPECT_EQ(pclose(said), 0);
    remove(path.c_str());
  }
}

}  // namespace
}  // namespace pagesnap
