#include "analyze/options.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::optional<AnalyzeOptions> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "analyze");
  return ParseAnalyzeOptions(static_cast<int>(arguments.size()), arguments.data());
}

std::string Printed(const std::vector<const char*>& arguments) {
  testing::internal::CaptureStdout();
  EXPECT_FALSE(Parse(arguments));
  fflush(stdout);
  return testing::internal::GetCapturedStdout();
}

TEST(AnalyzeOptionsTest, Report) {
  const auto options = Parse({"translate", "--pid", "7", "a.pagesnap", "--address=0x10",
                              "--address", "32", "--format", "json", "--snapshot", "2"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->report.name, "translate");
  EXPECT_EQ(options->files, std::vector<std::string>{"a.pagesnap"});
  EXPECT_EQ(options->format->name, "json");
  EXPECT_EQ(options->snapshots.one, 2);
  EXPECT_THAT(options->parameters.at("pid"), ElementsAre("7"));
  EXPECT_THAT(options->parameters.at("address"), ElementsAre("0x10", "32"));
}

TEST(AnalyzeOptionsTest, ListHasEveryReportUnderItsGroup) {
  const std::string list = Printed({"list"});
  std::string group;
  size_t at = 0;  // the list goes by group, and within one as CMake has the reports
  for (const Report& report : BuiltInReports()) {
    if (report.group != group) {
      group = report.group;
      at = 0;
    }
    at = std::max(at, list.find(group + "\n"));
    ASSERT_NE(at, std::string::npos) << group;
    const std::string line = list.substr(list.find("\n  " + report.name + " ", at) + 1);
    EXPECT_THAT(line.substr(0, line.find('\n')), testing::EndsWith(" " + report.about));
  }
}

TEST(AnalyzeOptionsTest, Sql) {
  const auto options = Parse({"sql", "a", "SELECT 1", "--format=csv"});
  ASSERT_TRUE(options);
  EXPECT_TRUE(options->report.is_sql());
  EXPECT_EQ(options->report.sql, "SELECT 1");
  EXPECT_EQ(options->format->name, "csv");
  EXPECT_FALSE(options->snapshots.one);
}

TEST(AnalyzeOptionsTest, HelpAndVersion) {
  EXPECT_THAT(Printed({"--help"}), HasSubstr("Usage: analyze REPORT FILE"));
  EXPECT_EQ(Printed({"--help"}), Printed({"help"}));
  EXPECT_THAT(Printed({"--version"}), testing::StartsWith("analyze (pagesnap) "));
  EXPECT_THAT(Printed({"maps", "--help"}),
              testing::AllOf(HasSubstr("Usage: analyze maps FILE"), HasSubstr("--pid"),
                             HasSubstr("hugetlb_kib")));
  EXPECT_THAT(Printed({"sql", "-h"}), HasSubstr("Usage: analyze sql FILE"));
}

TEST(AnalyzeOptionsTest, Show) {
  EXPECT_THAT(Printed({"show", "maps"}),
              testing::AllOf(HasSubstr("-- title: Mappings"), HasSubstr("SELECT")));
  EXPECT_THAT(Printed({"show", "maps", "--by", "path"}), HasSubstr("-- title: Files"));
  EXPECT_THAT(Printed({"maps", "--help"}), HasSubstr("Another form: analyze maps --by path FILE"));
}

struct BadCommandLine {
  std::vector<const char*> arguments;
  const char* message;
};

class BadAnalyzeOptionsTest : public testing::TestWithParam<BadCommandLine> {};

TEST_P(BadAnalyzeOptionsTest, IsAUsageError) {
  try {
    Parse(GetParam().arguments);
    FAIL() << "taken for good";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), GetParam().message);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BadAnalyzeOptionsTest,
    testing::Values(
        BadCommandLine{{}, "say which report, and of which file"},
        BadCommandLine{{"inof", "a"},
                       "there is no report 'inof'; the nearest is 'info', and 'analyze list' shows "
                       "all"},
        BadCommandLine{{"info"}, "info: say which file"},
        BadCommandLine{{"sql"}, "sql: say which file"},
        BadCommandLine{{"sql", "a"}, "sql: say what to ask, as in 'SELECT ...'"},
        BadCommandLine{{"info", "a", "--format", "xml"},
                       "there is no format 'xml'; say table, csv or json"},
        BadCommandLine{{"info", "a", "--snapshot", "x"}, "--snapshot takes a number from 1"},
        BadCommandLine{{"info", "a", "--snapshot", "99999999999"},
                       "--snapshot takes a number from 1"},
        BadCommandLine{{"show"}, "show: say which report, and nothing else"},
        BadCommandLine{{"info", "a", "--path", "x"},
                       "info has no --path: its rows are not of single mappings; 'analyze info "
                       "--help' shows what it has"},
        BadCommandLine{{"layout", "a", "--name", "x"},
                       "layout has no --name: --pid says which process it is about; 'analyze "
                       "layout --help' shows what it has"},
        BadCommandLine{{"info", "a", "--pid=1"},
                       "info has no --pid: its rows are not of single processes; 'analyze info "
                       "--help' shows what it has"},
        BadCommandLine{{"sql", "a", "SELECT 1", "--snapshot", "1"},
                       "sql has no --snapshot: its SQL chooses, as in 'WHERE snapshot_id = 1'; "
                       "'analyze sql --help' shows what it has"},
        BadCommandLine{{"diff", "a", "--snapshot", "1"},
                       "diff has no --snapshot: it compares two, which --before and --after name; "
                       "'analyze diff --help' shows what it has"},
        BadCommandLine{{"timeline", "a", "--snapshot", "1"},
                       "timeline has no --snapshot: it is about all of them; 'analyze timeline "
                       "--help' shows what it has"},
        BadCommandLine{{""}, "say which report, and of which file"},
        BadCommandLine{{"swap", "a", "--by", "page"},
                       "--by page: that is not mapping or process or device"},
        BadCommandLine{{"info", "a", "--colour", "1"}, "unrecognised option '--colour'"},
        BadCommandLine{{"maps", "a", "--pid", "x"}, "--pid x: that is not a whole number from 0"},
        BadCommandLine{{"maps", "a", "--pid", "-1"}, "--pid -1: that is not a whole number from 0"},
        BadCommandLine{{"hugepages", "a", "--by", "proc"},
                       "--by proc: that is not mapping or process"},
        BadCommandLine{{"maps", "a", "--pid", "1", "--pid", "2"}, "--pid was given twice"},
        BadCommandLine{{"maps", "a", "--pid"},
                       "the required argument for option '--pid' is missing"},
        BadCommandLine{{"translate", "a"}, "translate needs --address or --physical"},
        BadCommandLine{{"translate", "a", "--pid", "3"}, "translate needs --address or --physical"},
        BadCommandLine{{"translate", "a", "--address", "0xyz"},
                       "--address 0xyz: that is not an address: 0x and hexadecimal digits, or a "
                       "decimal number"}));

}  // namespace
}  // namespace pagesnap
