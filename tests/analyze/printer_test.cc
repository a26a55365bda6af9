// Tables, CSV and JSON of hostile contents.
#include "analyze/printer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "analyze/options.h"
#include "analyze/table.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::HasSubstr;
using testing::Not;

class PrinterTest : public testing::Test {
 protected:
  PrinterTest() : file_(Machine().reader()) {}
  MachineTree& Machine() {
    machine_.AddProcess({});
    return machine_;
  }
  std::string Print(const std::string& format, const std::string& sql) {
    return RunReport({"sql", file_.path(), sql, "--format", format}).out;
  }
  // As a terminal shows it; the notes follow.
  std::string Show(const Terminal& terminal, const std::string& sql,
                   const std::string& units = "kib") {
    const ReportResult result = RunReport({"sql", file_.path(), sql, "--units", units}, terminal);
    return result.out + result.notes;
  }
  MachineTree machine_;
  CapturedSnapshot file_;
};

TEST_F(PrinterTest, TableWidthsAndAlignment) {
  EXPECT_EQ(Print("table",
                  "SELECT 1 AS n, 'a' AS text, NULL AS none, 2.5 AS real, 'x' AS wide_heading "
                  "UNION ALL SELECT 1234, 'long text', NULL, NULL, 'y'"),
            "   n  text       none  real  wide_heading\n"
            "   1  a             -   2.5  x\n"
            "1234  long text     -     -  y\n");
}

TEST_F(PrinterTest, TableCountsCharactersNotBytes) {
  EXPECT_EQ(Print("table", "SELECT 'äöü' AS a, 1 AS b UNION ALL SELECT 'x', 2"),
            "a    b\näöü  1\nx    2\n");
}

TEST_F(PrinterTest, TableOfManyRows) {
  const std::string printed =
      Print("table",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) "
            "SELECT i, IIF(i = 1200, 'wider than all before', 'x') AS t, 1 AS u FROM n");
  EXPECT_THAT(printed, testing::StartsWith("   i  t  u\n   1  x  1\n"));
  EXPECT_THAT(printed, HasSubstr("\n1200  wider than all before  1\n1201  x  1\n"));
  EXPECT_EQ(std::count(printed.begin(), printed.end(), '\n'), 1501);
}

TEST_F(PrinterTest, CsvQuoting) {
  EXPECT_EQ(Print("csv",
                  "SELECT 'a,b' AS \"x,y\", 'say \"hi\"' AS b, 'two' || char(10) || 'lines' AS c, "
                  "NULL AS d, 1.5 AS e, 'cr' || char(13) AS f"),
            "\"x,y\",b,c,d,e,f\r\n"
            "\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",,1.5,\"cr\r\"\r\n");
}

TEST_F(PrinterTest, Json) {
  const std::string printed =
      Print("json",
            "SELECT 9007199254740993 AS i, -1.5 AS r, NULL AS n, 'q\"\\' || char(10, 27) AS t "
            "UNION ALL SELECT 1, 2, 3, 'ä'");
  EXPECT_THAT(printed, HasSubstr("9007199254740993"));
  EXPECT_THAT(printed, Not(HasSubstr("\033")));
  const auto json = nlohmann::json::parse(printed);
  ASSERT_EQ(json.size(), 2);
  EXPECT_EQ(json[0]["r"], -1.5);
  EXPECT_TRUE(json[0]["n"].is_null());
  EXPECT_EQ(json[0]["t"], "q\"\\\n\033");
  EXPECT_EQ(json[1]["t"], "ä");
  EXPECT_EQ(printed.substr(0, 3), "[\n{");
}

TEST_F(PrinterTest, NoRows) {
  const std::string sql = "SELECT 1 AS a WHERE 0";
  EXPECT_EQ(Print("table", sql), "a\n");
  EXPECT_EQ(Print("csv", sql), "a\r\n");
  EXPECT_EQ(Print("json", sql), "[]\n");
  EXPECT_EQ(RunReport({"sql", file_.path(), sql}).notes, "note: no rows\n");
}

TEST_F(PrinterTest, StatementWithoutColumns) {
  for (const char* format : {"table", "csv", "json"}) {
    EXPECT_THAT(ErrorOf([&] { Print(format, "/* nothing */"); }), HasSubstr("no SELECT")) << format;
    EXPECT_THAT(ErrorOf([&] { Print(format, ""); }), HasSubstr("no SELECT")) << format;
    EXPECT_THAT(ErrorOf([&] { Print(format, "BEGIN"); }), HasSubstr("no SELECT")) << format;
  }
}

TEST_F(PrinterTest, InvalidUtf8) {
  const std::string sql = "SELECT CAST(x'61ff62c3' AS TEXT) AS t";
  EXPECT_EQ(Print("table", sql), "t\na\\xffb\\xc3\n");
  EXPECT_EQ(nlohmann::json::parse(Print("json", sql))[0]["t"],
            "a\uFFFDff"
            "b\uFFFDc3");
}

// ESC, DEL, the C1 controls as UTF-8 and as bare bytes: a terminal may take each for a command.
TEST_F(PrinterTest, TerminalControls) {
  const std::string sql = "SELECT CAST(x'1b5b327fc29b9b0d' AS TEXT) AS t";
  EXPECT_EQ(Print("table", sql), "t\n\\x1b[2\\x7f\\xc2\\x9b\\x9b\\x0d\n");
  const std::string json = Print("json", sql);
  EXPECT_THAT(json, Not(HasSubstr("\x1b")));
  EXPECT_THAT(json, Not(HasSubstr("\x7f")));
  EXPECT_THAT(json, Not(HasSubstr("\xc2\x9b")));
  EXPECT_EQ(nlohmann::json::parse(json)[0]["t"],
            "\x1b[2\x7f\u009b\uFFFD"
            "9b\r");
}

// Escape sequence, right-to-left override, zero-width space, newline, and a byte that is no UTF-8.
constexpr char kMarked[] =
    "SELECT CAST(x'611b5b33316de280aee2808b0aff' AS TEXT) AS \"h\033\u202e\"";

TEST_F(PrinterTest, CsvIsExactInAFileAndSafeOnATerminal) {
  EXPECT_EQ(Print("csv", kMarked), "h\033\u202e\r\n\"a\033[31m\u202e\u200b\n\xff\"\r\n");
  const auto shown = [&](const Terminal& terminal) {
    return RunReport({"sql", file_.path(), kMarked, "--format", "csv"}, terminal).out;
  };
  const std::string escaped =
      "h\\x1b\\xe2\\x80\\xae\r\na\\x1b[31m\\xe2\\x80\\xae\\xe2\\x80\\x8b\\x0a\\xff\r\n";
  EXPECT_EQ(shown({.width = 80, .utf8 = true}), escaped);
  EXPECT_EQ(shown({.width = 80}), escaped);
}

TEST_F(PrinterTest, HeadingsAreTextLikeOthers) {
  EXPECT_THAT(Print("table", kMarked), testing::StartsWith("h\\x1b\\xe2\\x80\\xae\n"));
  EXPECT_THAT(Print("json", kMarked),
              HasSubstr("{\"h\\u001b\\u202e\":\"a\\u001b[31m\\u202e\\u200b"));
  // The note names them.
  const std::string shown =
      Show({.width = 20}, "SELECT 1 AS a, 'x' AS \"a very wide heading\033\"");
  EXPECT_THAT(shown, HasSubstr("too narrow for a very wide heading\\x1b;"));
}

// A spreadsheet takes such texts for formulas, but not numbers.
TEST_F(PrinterTest, CsvGuard) {
  const std::string sql =
      "SELECT '=1+1' AS \"=a\", '+1' AS b, '-x,y' AS c, '@f' AS d, char(9) || 'e' AS e, "
      "char(13) AS f, -5 AS g, -1.5 AS h, 'a=b' AS i, '' AS j, NULL AS k";
  EXPECT_EQ(Print("csv", sql),
            "=a,b,c,d,e,f,g,h,i,j,k\r\n"
            "=1+1,+1,\"-x,y\",@f,\te,\"\r\",-5,-1.5,a=b,,\r\n");
  EXPECT_EQ(RunReport({"sql", file_.path(), sql, "--format", "csv", "--csv-guard"}).out,
            "'=a,b,c,d,e,f,g,h,i,j,k\r\n"
            "'=1+1,'+1,\"'-x,y\",'@f,'\te,\"'\r\",-5,-1.5,a=b,,\r\n");
  EXPECT_THAT(ErrorOf([&] {
                RunReport({"sql", file_.path(), sql, "--csv-guard"});
              }),
              HasSubstr("--csv-guard goes with --format csv"));
}

constexpr char kWideRow[] =
    "SELECT 1234567 AS pid, '0x7f0000000000' AS start, "
    "'/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30' AS path, 42 AS kernel_swap_kib, NULL AS none";

TEST_F(PrinterTest, ATerminalThatIsWideEnoughChangesNothing) {
  const std::string plain = Print("table", kWideRow);
  EXPECT_EQ(Show({.width = 200, .utf8 = true}, kWideRow), plain);
  EXPECT_EQ(Show({.width = 93}, kWideRow), plain);
  EXPECT_NE(Show({.width = 92}, kWideRow), plain);
}

// First the headings are broken, then the path is shortened and keeps its end.
TEST_F(PrinterTest, TableFitsTheTerminal) {
  EXPECT_EQ(
      Show({.width = 88}, kWideRow),
      "                                                                        kernel_\n"
      "                                                                          swap_\n"
      "    pid  start           path                                               kib  none\n"
      "1234567  0x7f0000000000  /usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30       42     -\n");
  EXPECT_EQ(Show({.width = 70}, kWideRow),
            "                                                         kernel_\n"
            "                                                           swap_\n"
            "    pid  start           path                                kib  none\n"
            "1234567  0x7f0000000000  /usr/l...u/libstdc++.so.6.0.30       42     -\n");
  EXPECT_EQ(Show({.width = 70, .utf8 = true}, kWideRow),
            "                                                         kernel_\n"
            "                                                           swap_\n"
            "    pid  start           path                                kib  none\n"
            "1234567  0x7f0000000000  /usr/li\u2026nu/libstdc++.so.6.0.30       42     -\n");
}

// Numbers and addresses stay whole; what does not fit is named.
TEST_F(PrinterTest, WhatDoesNotFitIsLeftOutAndSaid) {
  EXPECT_EQ(Show({.width = 40}, kWideRow),
            "                         kernel_\n"
            "                           swap_\n"
            "    pid  start               kib\n"
            "1234567  0x7f0000000000       42\n"
            "note: 0 or unknown in all rows: none\n"
            "note: the terminal is too narrow for path; --columns chooses, and a wider one, "
            "COLUMNS=N, a pipe or --format csv has all columns\n");
}

// What says nothing goes before what the report can do without.
TEST_F(PrinterTest, WhatIsZeroOrUnknownIsLeftOutFirst) {
  const std::string sql =
      "SELECT 'a text of some length' AS t, 0 AS zero, '' AS none, NULL AS unknown, 7 AS n "
      "UNION ALL SELECT 'u', 0, '', NULL, 0";
  EXPECT_EQ(Show({.width = 60}, sql),
            "t                      zero  none  unknown  n\n"
            "a text of some length     0              -  7\n"
            "u                         0              -  0\n");
  EXPECT_EQ(Show({.width = 26}, sql),
            "t                      n\n"
            "a text of some length  7\n"
            "u                      0\n"
            "note: 0 or unknown in all rows: zero, none, unknown\n");
}

TEST_F(PrinterTest, UnitsOfSizes) {
  const std::string sql =
      "SELECT column1 AS name, column2 AS rss_kib, column2 AS n FROM (VALUES ('a', 0), ('b', 999), "
      "('c', 1000), ('d', 2440), ('e', 98968), ('f', -1310720), ('g', NULL))";
  EXPECT_EQ(Show({.width = 80}, sql, "auto"),
            "name     rss         n\n"
            "a          0         0\n"
            "b       999K       999\n"
            "c      0.98M      1000\n"
            "d      2.38M      2440\n"
            "e      96.6M     98968\n"
            "f     -1.25G  -1310720\n"
            "g          -         -\n");
  auto rows = [&](const std::string& units, const std::string& format) {
    return RunReport({"sql", file_.path(), sql, "--units", units, "--format", format}).out;
  };
  EXPECT_THAT(rows("auto", "table"), HasSubstr("\ne        98968     98968\n"));
  EXPECT_EQ(rows("auto", "csv"), rows("kib", "csv"));
  EXPECT_THAT(rows("bytes", "csv"),
              testing::StartsWith("name,rss_bytes,n\r\na,0,0\r\nb,1022976,999"));
  EXPECT_THAT(rows("bytes", "json"), HasSubstr("{\"name\":\"g\",\"rss_bytes\":null,\"n\":null}"));
}

TEST_F(PrinterTest, TotalsHaveTheUnitsOfTheirColumns) {
  const std::string path = std::string(PAGESNAP_SAMPLE_DIR) + "/workload.pagesnap";
  const std::vector<std::string> report = {"processes", path, "--columns", "name,rss_kib"};
  EXPECT_THAT(RunReport(report, {.width = 80}).out, HasSubstr("\ntotal     7.46M\n"));
  std::vector<std::string> bytes = report;
  bytes.insert(bytes.end(), {"--units", "bytes"});
  EXPECT_THAT(RunReport(bytes).out, HasSubstr("\ntotal       7823360\n"));
}

// No text of others is markup, a link or somebody's name.
TEST_F(PrinterTest, Markdown) {
  EXPECT_EQ(Print("markdown",
                  "SELECT 1 AS n, 'a b' AS t, NULL AS none UNION ALL SELECT 2, '<b>|x', 3 "
                  "UNION ALL SELECT 3, '@you `now` ``', 0"),
            "| n | t | none |\n| ---: | --- | --- |\n"
            "| 1 | a b |  |\n"
            "| 2 | `<b>\\|x` | 3 |\n"
            "| 3 | ``` @you `now` `` ``` | 0 |\n");
}

TEST_F(PrinterTest, TheFirstColumnStaysHoweverNarrow) {
  EXPECT_THAT(Show({.width = 20}, "SELECT '0x12345678901234567890' AS start, 1 AS b"),
              testing::StartsWith("start\n0x12345678901234567890\nnote: "));
}

TEST_F(PrinterTest, ATextBehindTheFirstThousandRowsFitsToo) {
  const std::string shown =
      Show({.width = 30},
           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001) "
           "SELECT IIF(i = 1001, 'a text that is far too long for it', 'short') AS t, "
           "'as wide as it can be' AS u FROM n");
  EXPECT_THAT(shown, HasSubstr("\na...t  as wide as it can be\n"));
}

TEST_F(PrinterTest, ColourIsForTerminalsThatHaveIt) {
  const std::string sql = "SELECT NULL AS a, 'x' AS b";
  EXPECT_EQ(Show({.width = 80, .colour = true}, sql),
            "\033[1ma\033[0m  \033[1mb\033[0m\n\033[2m-\033[0m  x\n");
  EXPECT_EQ(Show({.width = 80}, sql), "a  b\n-  x\n");
  EXPECT_EQ(Show({.width = 20, .colour = true}, "SELECT 'a b c d e f g h i j k l' AS t"),
            "\033[1mt\033[0m\na b c d e... i j k l\n");
}

TEST_F(PrinterTest, ColoursOfCheckAndOfTotals) {
  const Terminal terminal = {.width = 100, .colour = true};
  MachineTree machine;
  FillSampleMachine(machine);
  const CapturedSnapshot sample(machine.reader());
  const std::string check = RunReport({"check", sample.path()}, terminal).out;
  EXPECT_THAT(check, HasSubstr("  \033[32mok\033[0m  "));
  EXPECT_THAT(check, testing::StartsWith("\033[1mtest\033[0m  "));
  FlipBit(sample.path(), "page_content", "words", 1);
  const std::string damaged = RunReport({"check", sample.path()}, terminal).out;
  EXPECT_THAT(damaged, HasSubstr("  \033[31mdamaged\033[0m  "));
  EXPECT_THAT(damaged, HasSubstr("  \033[33munknown\033[0m  "));
  EXPECT_THAT(RunReport({"processes", sample.path()}, terminal).out,
              HasSubstr("\n\033[1mtotal\033[0m  "));
}

// Neither by colours of their own, nor, where UTF-8 is not understood, by bytes that are C1
// controls there: the euro sign has the byte 0x82.
TEST_F(PrinterTest, HostileTextCannotDriveATerminal) {
  const std::string sql = "SELECT 'red' || char(27) || '[31m' || char(8364, 8238) AS t";
  EXPECT_EQ(Show({.width = 80, .colour = true, .utf8 = true}, sql),
            "\033[1mt\033[0m\nred\\x1b[31m€\\xe2\\x80\\xae\n");
  EXPECT_EQ(Show({.width = 80}, sql), "t\nred\\x1b[31m\\xe2\\x82\\xac\\xe2\\x80\\xae\n");
}

TEST_F(PrinterTest, SparklinesAreBarsOnlyWhereTheyCanBeShown) {
  TestFolder folder;
  const std::string report = folder.File("mine.sql");
  std::ofstream(report) << "-- title: T\n-- sparkline: line\nSELECT '.18?' AS line, '18' AS other";
  auto show = [&](const Terminal& terminal) {
    return RunReport({"run", report, file_.path()}, terminal).out;
  };
  EXPECT_EQ(show({.width = 80, .utf8 = true}), "line  other\n.▁█?  18\n");
  EXPECT_EQ(show({.width = 80}), "line  other\n.18?  18\n");
  EXPECT_EQ(show({}), "line  other\n.18?  18\n");
}

// Each has an entry, and nothing else knows their names.
TEST(OutputFormatTest, MessagesAndHelpNameAllFormats) {
  EXPECT_EQ(ErrorOf([] { FindFormat("xml"); }), "there is no format 'xml'; say " + FormatNames());
  const auto help = [](std::vector<const char*> arguments) {
    testing::internal::CaptureStdout();
    ParseAnalyzeOptions(static_cast<int>(arguments.size()), arguments.data());
    fflush(stdout);
    return testing::internal::GetCapturedStdout();
  };
  EXPECT_THAT(help({"analyze", "--help"}), HasSubstr("--format " + FormatNames()));
  const std::string report_help = help({"analyze", "maps", "--help"});
  for (const OutputFormat& format : OutputFormats()) {
    EXPECT_EQ(FindFormat(format.name).about, format.about);
    EXPECT_THAT(FormatNames(), HasSubstr(format.name));
    EXPECT_THAT(report_help, HasSubstr(fmt::format("{}: {}", format.name, format.about)));
  }
}

TEST(OutputFormatTest, UnitsComeFromTheEndOfAName) {
  const std::vector<std::pair<std::string, std::string>> kUnits = {{"rss_kib", "KiB"},
                                                                   {"kib", "KiB"},
                                                                   {"wall_ns", "ns"},
                                                                   {"gap_count", "count"},
                                                                   {"huge_percent", "%"},
                                                                   {"seconds", "s"},
                                                                   {"words_bytes", "bytes"},
                                                                   {"name", ""},
                                                                   {"kib_name", ""},
                                                                   {"mykib", ""},
                                                                   {"", ""},
                                                                   {"rss_kib_", ""}};
  for (const auto& [name, unit] : kUnits) EXPECT_EQ(UnitOf(name), unit) << name;
}

TEST(OutputFormatTest, ColumnsHaveTheTypesOfTheFirstRow) {
  const std::vector<Value> row = {{.type = ValueType::kText, .text = "a"},
                                  {.type = ValueType::kReal, .real = 0.5, .text = "0.5"},
                                  {},
                                  {}};
  const std::vector<Column> columns = DescribeColumns({"name", "seconds", "rss_kib", "pid"}, row);
  ASSERT_EQ(columns.size(), 4);
  EXPECT_EQ(columns[0].type, ValueType::kText);
  EXPECT_EQ(columns[1].type, ValueType::kReal);
  EXPECT_EQ(columns[1].unit, "s");
  EXPECT_EQ(columns[2].type, ValueType::kInteger) << "it has a unit";
  EXPECT_EQ(columns[3].type, ValueType::kNull);
  EXPECT_EQ(columns[3].name, "pid");
  EXPECT_EQ(DescribeColumns({"pid"}, {}).at(0).type, ValueType::kNull) << "no rows";
}

}  // namespace
}  // namespace pagesnap
