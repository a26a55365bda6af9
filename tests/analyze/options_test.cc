#include "analyze/options.h"

#include <gmock/gmock.h>

#include <algorithm>

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
  EXPECT_THAT(Printed({"--help"}), HasSubstr("analyze REPORT FILE"));
  EXPECT_EQ(Printed({"--help"}), Printed({"help"}));
  EXPECT_THAT(
      Printed({"--version"}),
      testing::MatchesRegex("analyze \\(pagesnap\\) [0-9.]+, (commit [0-9a-f]{12}(-dirty)?, )?"
                            "format version [0-9]+\n"));
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

// People write options first, or the file.
TEST(AnalyzeOptionsTest, TheReportIsAnywhere) {
  const std::vector<std::vector<const char*>> lines = {
      {"maps", "a.pagesnap", "--pid", "7", "--format", "csv"},
      {"--pid", "7", "--format=csv", "maps", "a.pagesnap"},
      {"--format", "csv", "a.pagesnap", "maps", "--pid", "7"},
      {"a.pagesnap", "--pid", "7", "--form", "csv", "maps"}};
  for (const auto& line : lines) {
    const auto options = Parse(line);
    ASSERT_TRUE(options);
    EXPECT_EQ(options->report.name, "maps");
    EXPECT_EQ(options->files, std::vector<std::string>{"a.pagesnap"});
    EXPECT_EQ(options->format->name, "csv");
    EXPECT_THAT(options->parameters.at("pid"), ElementsAre("7"));
  }
  EXPECT_EQ(Parse({"a.pagesnap", "diff", "b.pagesnap"})->report.name, "diff");
  EXPECT_EQ(Parse({"a.pagesnap", "maps", "--by", "path"})->report.name, "maps --by path");
}

TEST(AnalyzeOptionsTest, AFileAloneIsAnOverview) {
  for (const char* file : {"a.pagesnap", "./a", "-", "/", "a.pagesnap.zst"}) {
    const auto options = Parse({file});
    ASSERT_TRUE(options) << file;
    EXPECT_EQ(options->report.name, "overview") << file;
    EXPECT_EQ(options->choice.limit, 12u);
  }
  EXPECT_EQ(Parse({"a.pagesnap", "--limit", "3"})->choice.limit, 3u);
}

TEST(AnalyzeOptionsTest, ListsAndRepeatedOptions) {
  const auto options =
      Parse({"maps", "a", "--pid", "1,2", "--pid=3", "--name", "x", "--name", "y", "--path", "p",
             "--path", "q", "--columns", "pid,path", "--columns", "rss_kib"});
  ASSERT_TRUE(options);
  EXPECT_THAT(options->parameters.at("pid"), ElementsAre("1", "2", "3"));
  EXPECT_THAT(options->parameters.at("name"), ElementsAre("x", "y"));
  EXPECT_THAT(options->choice.paths, ElementsAre("p", "q"));
  EXPECT_THAT(options->choice.columns, ElementsAre("pid", "path", "rss_kib"));
}

TEST(AnalyzeOptionsTest, CommandsOfSqlAreSeveralWords) {
  EXPECT_EQ(Parse({"sql", "a", ".schema", "page"})->report.sql, ".schema page");
  EXPECT_EQ(Parse({"sql", "a", "b", ".tables"})->files, (std::vector<std::string>{"a", "b"}));
}

TEST(AnalyzeOptionsTest, HelpOfAReport) {
  EXPECT_EQ(Printed({"help", "maps"}), Printed({"maps", "--help"}));
  EXPECT_EQ(Printed({"help", "sql"}), Printed({"sql", "--help"}));
  EXPECT_EQ(Printed({"help", "maps", "--by", "path"}), Printed({"maps", "--by", "path", "-h"}));
}

}  // namespace
}  // namespace pagesnap
