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
  EXPECT_THAT(ErrorOf([&] {
                Run({"three", "--after", "x"});
              }),
              "--after x: that is not a number from 1");
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
  FailConditionTest() { report_.name = "diff-total"; }
  FailCondition Condition(const std::string& text,
                          const std::string& rows =
                              "SELECT 20480 AS rss_kib, NULL AS pss_kib, 'it''s' AS word, "
                              "-3 AS swap_kib, 2.5 AS share") {
    Statement figures(database_, rows);
    FailCondition condition(text, report_, figures.ColumnNames());
    std::vector<Value> row;
    while (figures.Step()) {
      figures.ReadRow(&row);
      condition.Add(row);
    }
    return condition;
  }
  std::optional<bool> Holds(const std::string& text) { return Condition(text).holds(); }
  Report report_;
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
  EXPECT_EQ(Holds("share > 2 AND share < 3"), true);
}

// What people write, and SQL has not.
TEST_F(FailConditionTest, UnitsPercentagesAndShortNames) {
  EXPECT_EQ(Holds("rss > 19M AND rss < 21M"), true);
  EXPECT_EQ(Holds("rss >= 20M"), true);
  EXPECT_EQ(Holds("rss > 0.02G"), false);
  EXPECT_EQ(Holds("rss > 0.01G"), true);
  EXPECT_EQ(Holds("swap < 0"), true);
  EXPECT_EQ(Holds("rss_kib % 7 = 5"), true);
  EXPECT_EQ(Holds("rss_kib %7 = 5"), true);
  const std::string growth =
      "SELECT 30 AS rss_kib, 600 AS before_rss_kib, 5 AS pss_kib, 0 AS before_pss_kib";
  EXPECT_EQ(Condition("rss_growth > 4%", growth).holds(), true);
  EXPECT_EQ(Condition("rss_growth > 5% or rss_growth < 0%", growth).holds(), false);
  EXPECT_EQ(Condition("(rss_growth >= 5%)", growth).holds(), true);
  EXPECT_EQ(Condition("pss_growth > 5%", growth).holds(), std::nullopt);
  const std::string hidden = "SELECT NULL AS pss_kib, 300 AS kernel_pss_kib";
  EXPECT_EQ(Condition("pss > 200K", hidden).holds(), true);
  EXPECT_EQ(Condition("pss_kib > 200", hidden).holds(), std::nullopt);
}

TEST_F(FailConditionTest, OneRowIsEnough) {
  const std::string rows =
      "SELECT 1 AS pid, 'a' AS name, 100 AS rss_kib UNION ALL SELECT 2, 'b', 300 "
      "UNION ALL SELECT 3, 'c', NULL UNION ALL SELECT 4, 'd', 400";
  EXPECT_EQ(Condition("rss > 200", rows).holds(), true);
  EXPECT_EQ(Condition("rss > 200", rows).figures(),
            "pid is 2, name is b, rss_kib is 300; and 1 more row");
  EXPECT_EQ(Condition("rss > 500", rows).holds(), std::nullopt);
  EXPECT_EQ(Condition("rss > 500", rows).figures(), "pid is 3, name is c, rss_kib is unknown");
  EXPECT_EQ(Condition("rss > 500 AND rss IS NOT NULL", rows).holds(), false);
}

// Unknown is neither.
TEST_F(FailConditionTest, UnknownFigures) {
  EXPECT_EQ(Holds("pss_kib > 0"), std::nullopt);
  EXPECT_EQ(Holds("pss_kib > 0 OR rss_kib > 0"), true);
  EXPECT_EQ(Condition("pss_kib > rss_kib").figures(), "rss_kib is 20480, pss_kib is unknown");
}

TEST_F(FailConditionTest, WhatIsNoExpression) {
  auto message = [&](const std::string& text) { return ErrorOf([&] { Condition(text); }); };
  EXPECT_EQ(message("rss_kb > 0"),
            "--fail-if 'rss_kb > 0': there is no column 'rss_kb' (did you mean 'rss_kib'?); it is "
            "an SQL expression over the columns that 'analyze help diff-total' lists");
  EXPECT_THAT(message("swp_kb > 0"), HasSubstr("no column 'swp_kb' (did you mean 'swap_kib'?);"));
  EXPECT_THAT(message("frobnicate > 0"), HasSubstr("there is no column 'frobnicate'; it is"));
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
