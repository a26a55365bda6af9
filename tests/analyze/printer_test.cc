// Tables, CSV and JSON of hostile contents.
#include "analyze/printer.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

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
  EXPECT_EQ(nlohmann::json::parse(Print("json", sql))[0]["t"], "a\uFFFDb\uFFFD");
}

// ESC, DEL, the C1 controls as UTF-8 and as bare bytes: a terminal may take each for a command.
TEST_F(PrinterTest, TerminalControls) {
  const std::string sql = "SELECT CAST(x'1b5b327fc29b9b0d' AS TEXT) AS t";
  EXPECT_EQ(Print("table", sql), "t\n\\x1b[2\\x7f\\xc2\\x9b\\x9b\\x0d\n");
  const std::string json = Print("json", sql);
  EXPECT_THAT(json, Not(HasSubstr("\x1b")));
  EXPECT_THAT(json, Not(HasSubstr("\x7f")));
  EXPECT_THAT(json, Not(HasSubstr("\xc2\x9b")));
  EXPECT_EQ(nlohmann::json::parse(json)[0]["t"], "\x1b[2\x7f\u009b\uFFFD\r");
}

TEST(PrintableTest, KeepsText) {
  EXPECT_EQ(Printable("plain, ä, €, 😀"), "plain, ä, €, 😀");
  EXPECT_EQ(Printable(""), "");
  EXPECT_EQ(Printable(std::string_view("a\0b\t", 4)), "a\\x00b\\x09");
}

TEST(PrintableTest, RefusesWhatOnlyLooksLikeUtf8) {
  EXPECT_EQ(Printable("\xc0\x80"), "\\xc0\\x80");                    // overlong
  EXPECT_EQ(Printable("\xe0\x9f\xbf"), "\\xe0\\x9f\\xbf");           // overlong
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(Printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // behind U+10FFFF
  EXPECT_EQ(Printable("\xe2\x82"), "\\xe2\\x82");                    // cut off
  EXPECT_EQ(Printable("\xe2\x82x"), "\\xe2\\x82x");
}

}  // namespace
}  // namespace pagesnap
