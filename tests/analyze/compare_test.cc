// Reports about two snapshots or all: which ones, the kinds of parameters, and --fail-if.
#include <gmock/gmock.h>

#include <fstream>

#include "analyze/fail_condition.h"
#include "analyze/report.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

class CompareTest : public testing::Test {
 protected:
  CompareTest() {
    Write("one", 1);
    Write("two", 2);
    Write("three", 3);
    std::ofstream(folder_.File("mine.sql"))
        << "-- title: Mine\n-- compares: snapshots\n-- fail-if: ksm\n"
           "-- parameter how a|b: which\n-- parameter loud flag: loudly\n"
           "SELECT :before AS b, :after AS a, :snapshot AS s, :how AS how, :loud AS loud;";
    std::ofstream(folder_.File("all.sql"))
        << "-- title: All\n-- compares: series\nSELECT COUNT(*) AS n FROM snapshot;";
  }
  void Write(const std::string& name, int snapshots) {
    WriteSnapshotFile(folder_.File(name), [&](SnapshotWriter& writer) {
      for (int i = 0; i < snapshots; ++i) {
        SnapshotFacts facts;
        facts.kernel_release = "6.18.0";
        writer.BeginSnapshot(facts);
        writer.AddProcess({.pid = 10 + i, .name = "p", .state = "S"});
        writer.Commit();
      }
    });
  }
  // Runs mine.sql with names of files, and options.
  ReportResult Run(std::vector<std::string> arguments, const std::string& report = "mine.sql") {
    for (std::string& argument : arguments) {
      if (!argument.starts_with("-") && argument.size() > 2) argument = folder_.File(argument);
    }
    arguments.insert(arguments.begin(), {"run", folder_.File(report), "--format", "csv"});
    return RunReport(arguments);
  }
  TestFolder folder_;
};

TEST_F(CompareTest, TheLastOfTheFirstFileAndTheLastOfAll) {
  EXPECT_THAT(Run({"two", "three"}).out, HasSubstr("\n2,5,5,,\r"));
  EXPECT_THAT(Run({"one", "two", "one"}).out, HasSubstr("\n1,4,4,,\r"));
}

TEST_F(CompareTest, TheFirstAndTheLastOfOneFile) {
  const ReportResult result = Run({"three"});
  EXPECT_THAT(result.out, HasSubstr("\n1,3,3,,\r"));
  EXPECT_EQ(result.notes,
            "note: of 3 snapshots, these are 1 and 3; --before N and --after N compare others\n");
  EXPECT_THAT(Run({"two"}).notes, IsEmpty());
}

TEST_F(CompareTest, ChosenByNumber) {
  EXPECT_THAT(Run({"three", "--before", "2"}).out, HasSubstr("\n2,3,3,,\r"));
  EXPECT_THAT(Run({"three", "--before", "3", "--after", "1"}).out, HasSubstr("\n3,1,1,,\r"));
  EXPECT_THAT(Run({"one", "--before", "1", "--after", "1"}).out, HasSubstr("\n1,1,1,,\r"));
  EXPECT_THAT(ErrorOf([&] {
                Run({"three", "--after", "4"});
              }),
              HasSubstr("three has no snapshot 4; it has 1 to 3"));
  EXPECT_THAT(ErrorOf([&] { Run({"three", "--after", "x"}); }), "--after takes a number from 1");
  EXPECT_THAT(ErrorOf([&] {
                Run({"three", "--snapshot", "1"});
              }),
              HasSubstr(" has no --snapshot: it compares two, which --before and --after name"));
}

TEST_F(CompareTest, OneSnapshotIsNotEnough) {
  EXPECT_THAT(ErrorOf([&] { Run({"one"}); }),
              HasSubstr("one has one snapshot, and it takes two to compare: name a second file"));
}

TEST_F(CompareTest, Series) {
  const ReportResult result = Run({"two", "three"}, "all.sql");
  EXPECT_THAT(result.out, HasSubstr("\n5\r"));
  EXPECT_THAT(result.notes, IsEmpty());
}

TEST_F(CompareTest, FlagsAndChoices) {
  EXPECT_THAT(Run({"two", "--loud", "--how", "b"}).out, HasSubstr("\n1,2,2,b,1\r"));
  EXPECT_EQ(ErrorOf([&] { Run({"two", "--how", "c"}); }), "--how c: that is not a or b");
}

TEST(CompareHeader, WhatIsNotUnderstood) {
  for (const char* line : {"compares: something", "parameter a flag repeated: x",
                           "parameter a word: x", "parameter a x|y repeated: x"}) {
    EXPECT_THAT(ErrorOf([&] { ParseReport("r", std::string("-- ") + line + "\nSELECT 1;"); }),
                HasSubstr("is not understood"))
        << line;
  }
}

TEST(CompareHeader, PasteableSql) {
  const Report report =
      ParseReport("r", "-- compares: snapshots\nSELECT :before, :after, :before_all;");
  EXPECT_THAT(PasteableSql(report),
              HasSubstr("SELECT (SELECT MIN(id) FROM snapshot), (SELECT MAX(id) FROM snapshot), "
                        ":before_all;"));
}

class FailConditionTest : public testing::Test {
 protected:
  FailCondition Condition(const std::string& text) {
    Statement figures(database_,
                      "SELECT 20480 AS rss_kib, NULL AS pss_kib, 'it''s' AS word, -3 AS swap_kib");
    return FailCondition(text, "diff-total", figures);
  }
  std::optional<bool> Holds(const std::string& text) { return Condition(text).holds(); }
  Database database_ = Database::OpenMemory("test");
};

TEST_F(FailConditionTest, Expressions) {
  EXPECT_EQ(Holds("rss_kib > 10240"), true);
  EXPECT_EQ(Holds("rss_kib > 20480"), false);
  EXPECT_EQ(Holds("RSS_KIB > 10240 AND (swap_kib > 0 OR swap_kib = -3)"), true);
  EXPECT_EQ(Holds("word = 'it''s' AND word <> 'select; --'"), true);
  EXPECT_EQ(Holds("rss_kib BETWEEN 1 AND 2"), false);
  EXPECT_EQ(Holds("max(rss_kib, swap_kib)"), true);
  EXPECT_EQ(Holds("0"), false);
}

// Unknown is neither.
TEST_F(FailConditionTest, UnknownFigures) {
  EXPECT_EQ(Holds("pss_kib > 0"), std::nullopt);
  EXPECT_EQ(Holds("pss_kib > 0 OR rss_kib > 0"), true);
  EXPECT_EQ(Condition("pss_kib > rss_kib").figures(), "rss_kib is 20480, pss_kib is unknown");
}

TEST_F(FailConditionTest, WhatIsNoExpression) {
  auto message = [&](const std::string& text) { return ErrorOf([&] { Condition(text); }); };
  EXPECT_EQ(message("rss > 0"),
            "--fail-if 'rss > 0': there is no column rss, perhaps rss_kib is meant; it is an SQL "
            "expression over the columns that 'analyze diff-total --help' lists");
  EXPECT_THAT(message("swp_kb > 0"), HasSubstr("no column swp_kb, perhaps swap_kib is meant;"));
  EXPECT_THAT(message("frobnicate > 0"), HasSubstr("there is no column frobnicate; it is"));
  EXPECT_THAT(message("frobnicate(1)"), HasSubstr("no such function: frobnicate; it is"));
  EXPECT_THAT(message("(SELECT 1)"), HasSubstr("a query has no place in it"));
  EXPECT_THAT(message("EXISTS(VALUES(1))"), HasSubstr("a query has no place in it"));
  EXPECT_THAT(message("1; DELETE FROM process"), HasSubstr("more than one expression"));
  EXPECT_THAT(message("1) IS TRUE, (1"), HasSubstr("closed that was not opened"));
  EXPECT_THAT(message("(rss_kib"), HasSubstr("a parenthesis is not closed"));
  EXPECT_THAT(message("rss_kib > 0 -- or"), HasSubstr("comments have no place"));
  EXPECT_THAT(message("rss_kib > 0 /* or"), HasSubstr("comments have no place"));
  EXPECT_THAT(message("word = 'x"), HasSubstr("a quote is not closed"));
  EXPECT_THAT(message("\"rss\" > 0"), HasSubstr("columns are named without quotes"));
  EXPECT_THAT(message("rss_kib >"), HasSubstr("something is missing at its end"));
  EXPECT_THAT(message("rss_kib > 10 MiB"), HasSubstr("near \"MiB\": syntax error"));
  EXPECT_THAT(message(""), HasSubstr("something is missing at its end"));
  EXPECT_THAT(message("?"), AllOf(HasSubstr("--fail-if '?'"), HasSubstr("parameters")));
}

}  // namespace
}  // namespace pagesnap
