// Report files: their headers, and that the headers of the built-in ones tell the truth.
#include "analyze/report.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/support/captured_snapshot.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(ParseReportTest, TakesEveryHeaderLine) {
  const std::string text =
      "-- title:  A Title \n-- group: Overview\n-- about: what: it is about\n"
      "-- parameter pid: which process\n-- parameter at address repeated: where\n"
      "-- parameter like text: a name\n-- parameter by page|frame: what\n-- needs one of: at, "
      "like\n-- status: result\n"
      "-- notes: none\n-- note: a: b\n-- note: c\n-- total: rss_kib, n\n-- column pid: process "
      "id\n-- column rss_kib: KiB: in memory\n"
      "SELECT 1; -- not: a header\n-- title: Other\n";
  const Report report = ParseReport("mine", text);
  EXPECT_EQ(report.name, "mine");
  EXPECT_EQ(report.title, "A Title");
  EXPECT_EQ(report.group, "Overview");
  EXPECT_EQ(report.about, "what: it is about");
  ASSERT_THAT(report.parameters, SizeIs(4));
  EXPECT_EQ(report.parameters[3].type, "page|frame");
  EXPECT_EQ(report.parameters[0].name, "pid");
  EXPECT_EQ(report.parameters[0].type, "pids");
  EXPECT_EQ(report.parameters[0].description, "which process");
  EXPECT_EQ(report.parameters[1].type, "address");
  EXPECT_TRUE(report.parameters[1].repeated);
  EXPECT_EQ(report.parameters[1].description, "where");
  EXPECT_THAT(report.needs_one_of, ElementsAre("at", "like"));
  EXPECT_EQ(report.status_column, "result");
  EXPECT_FALSE(report.notes);
  EXPECT_THAT(report.caveats, ElementsAre("a: b", "c"));
  EXPECT_THAT(report.total_columns, ElementsAre("rss_kib", "n"));
  ASSERT_THAT(report.columns, SizeIs(2));
  EXPECT_EQ(report.columns[1].name, "rss_kib");
  EXPECT_EQ(report.columns[1].description, "KiB: in memory");
  EXPECT_EQ(report.sql, text);
}

TEST(ParseReportTest, TakesCommonParametersAndSections) {
  const Report report = ParseReport(
      "mine",
      "-- parameter address\n-- limit: 7\nSELECT 1\n-- heading:\nSELECT 2\n-- sums:\nSELECT 3");
  ASSERT_THAT(report.parameters, SizeIs(1));
  EXPECT_EQ(report.parameters[0].type, "range");
  EXPECT_THAT(report.parameters[0].description, testing::StartsWith("only what lies in"));
  EXPECT_EQ(report.default_limit, "7");
  EXPECT_EQ(report.heading_sql, "SELECT 2");
  EXPECT_EQ(report.sums_sql, "SELECT 3");
  EXPECT_EQ(report.footing_sql, "");
}

TEST(ParseReportTest, WithoutHeader) {
  const Report report = ParseReport("mine", "SELECT 1");
  EXPECT_THAT(report.columns, IsEmpty());
  EXPECT_TRUE(report.notes);
}

TEST(ParseReportTest, QuotesWhatItDoesNotUnderstand) {
  for (const char* line :
       {"colour: red", "no colon", "parameter pid number: x", "parameter other", "columns a: b"}) {
    EXPECT_EQ(ErrorOf([&] { ParseReport("mine", std::string("-- ") + line + "\nSELECT 1"); }),
              std::string("report mine: the header line '-- ") + line + "' is not understood");
  }
}

TEST(FindReportTest, SuggestsWhatIsNear) {
  EXPECT_EQ(FindReport("maps").name, "maps");
  EXPECT_EQ(ErrorOf([] { FindReport("process"); }),
            "there is no report 'process' (did you mean 'processes'?); 'analyze list' shows all");
  EXPECT_EQ(ErrorOf([] { FindReport("mpas"); }),
            "there is no report 'mpas' (did you mean 'maps'?); 'analyze list' shows all");
  EXPECT_EQ(ErrorOf([] { FindReport("frobnicate"); }),
            "there is no report 'frobnicate'; 'analyze list' shows all");
  EXPECT_THROW(FindReport(""), UsageError);
}

// Whose memory it is can be chosen in every report whose rows have an owner. As a parameter where
// rows are sums; where rows have a column of that name, by that.
TEST(BuiltInReportsTest, ChooseTheirOwners) {
  const std::map<std::string, std::set<std::string>> kWithout = {
      {"pid", {"overview", "info", "check", "layout --physical", "groups"}},
      {"name", {"info", "check", "layout", "layout --physical", "groups"}},
      {"path",
       {"overview", "info", "check", "layout --physical", "processes", "groups", "shared",
        "shared-pairs"}},
  };
  for (const auto& [option, without] : kWithout) {
    for (const Report& report : BuiltInReports()) {
      if (report.scope != ReportScope::kOne) continue;
      if (report.all_frames) continue;  // most of RAM has no owner
      auto is_option = [&, &name = option](const auto& one) { return one.name == name; };
      const bool is_parameter =
          std::any_of(report.parameters.begin(), report.parameters.end(), is_option);
      const bool is_column =
          option != "pid" && std::any_of(report.columns.begin(), report.columns.end(), is_option);
      EXPECT_NE(is_parameter || is_column, without.contains(report.name))
          << report.name << " --" << option;
      if (!is_parameter) continue;
      EXPECT_THAT(report.sql, testing::HasSubstr(":" + option)) << report.name;
    }
  }
}

// SQLite 3.37 is the oldest that builds: HAVING without GROUP BY came with 3.39, the rest
// with 3.38.
TEST(BuiltInReportsTest, NeedNoNewerSqlite) {
  for (const Report& report : BuiltInReports()) {
    const std::string sql = report.sql + report.sums_sql + report.summary_sql;
    for (size_t at = sql.find("HAVING"); at != std::string::npos; at = sql.find("HAVING", at + 1)) {
      const size_t select = sql.rfind("SELECT", at);
      EXPECT_THAT(sql.substr(select, at - select), testing::HasSubstr("GROUP BY")) << report.name;
    }
    for (const char* newer : {"->", "unixepoch(", " format("}) {
      EXPECT_THAT(sql, testing::Not(testing::HasSubstr(newer))) << report.name;
    }
  }
}

class BuiltInReportTest : public testing::TestWithParam<std::string> {};

TEST_P(BuiltInReportTest, DocumentsItsColumns) {
  MachineTree machine;
  FillSampleMachine(machine);
  CapturedSnapshot file(machine.reader());
  const Report& report = FindReport(GetParam());
  const Statement statement(file.session().database(), report.sql);
  std::vector<std::string> documented;
  for (const ReportColumn& column : report.columns) {
    documented.push_back(column.name);
    EXPECT_FALSE(column.description.empty()) << column.name;
  }
  std::vector<std::string> columns = statement.ColumnNames();
  columns.resize(ShownCount(report, columns));
  EXPECT_EQ(columns, documented);
}

TEST_P(BuiltInReportTest, SaysWhatItIs) {
  const Report& report = FindReport(GetParam());
  EXPECT_FALSE(report.title.empty());
  EXPECT_FALSE(report.group.empty());
  EXPECT_FALSE(report.about.empty());
  for (const ReportParameter& parameter : report.parameters) {
    EXPECT_NE(report.sql.find(":" + SqlName(parameter.name)), std::string::npos) << parameter.name;
    EXPECT_FALSE(parameter.description.empty()) << parameter.name;
  }
  const auto is_parameter = [&](const std::string& name) {
    return std::any_of(report.parameters.begin(), report.parameters.end(),
                       [&](const ReportParameter& parameter) { return parameter.name == name; });
  };
  for (const std::string& name : report.needs_one_of) EXPECT_TRUE(is_parameter(name)) << name;
  const auto is_status = [&](const ReportColumn& column) {
    return column.name == report.status_column;
  };
  std::vector<std::string> named = report.total_columns;
  named.insert(named.end(), report.spare_columns.begin(), report.spare_columns.end());
  named.insert(named.end(), report.spark_columns.begin(), report.spark_columns.end());
  named.insert(named.end(), report.kept_columns.begin(), report.kept_columns.end());
  for (const WrappedColumn& wrapped : report.wrapped_columns) named.push_back(wrapped.name);
  for (const KernelFigure& figure : report.kernel_figures) named.push_back(figure.column);
  if (!report.picture_label.empty()) named.push_back(report.picture_label);
  for (const LegendEntry& entry : report.legend) named.push_back(entry.column);
  for (const std::string& name : named) {
    EXPECT_TRUE(std::any_of(report.columns.begin(), report.columns.end(),
                            [&](const ReportColumn& column) { return column.name == name; }))
        << name;
  }
  EXPECT_TRUE(report.status_column.empty() ||
              std::any_of(report.columns.begin(), report.columns.end(), is_status));
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const Report& report : BuiltInReports()) names.push_back(report.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, BuiltInReportTest, testing::ValuesIn(Names()),
                         [](const auto& report) {
                           std::string name = report.param;
                           const auto is_sign = [](char c) { return c == '-' || c == ' '; };
                           std::replace_if(name.begin(), name.end(), is_sign, '_');
                           return name;
                         });

}  // namespace
}  // namespace pagesnap
