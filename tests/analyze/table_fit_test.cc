// What of a table a narrow terminal shows.
#include "analyze/table_fit.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "analyze/report.h"
#include "lib/base/text.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/golden_file.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(TableFitTest, SpareColumnsGoFirst) {
  const std::vector<TableColumnSize> columns = {{"a", 10}, {"b", 10}, {"c", 10}, {"d", 10}};
  EXPECT_THAT(FitTable(columns, {"b", "a"}, 46).widths, ElementsAre(10, 10, 10, 10));
  EXPECT_THAT(FitTable(columns, {"b", "a"}, 45).widths, ElementsAre(10, 0, 10, 10));
  EXPECT_THAT(FitTable(columns, {"b", "a"}, 33).widths, ElementsAre(10, 0, 10, 0));
  EXPECT_THAT(FitTable(columns, {}, 33).widths, ElementsAre(10, 10, 0, 0));
  EXPECT_THAT(FitTable(columns, {}, 1).widths, ElementsAre(10, 0, 0, 0));
  EXPECT_THAT(FitTable(columns, {}, 0).widths, ElementsAre(10, 10, 10, 10));
}

TEST(TableFitTest, SomeAreKeptAsLongAsThereAreOthers) {
  const std::vector<TableColumnSize> columns = {{"a", 10}, {"b", 10}, {"c", 10}, {"d", 10}};
  EXPECT_THAT(FitTable(columns, {}, 33, {"d"}).widths, ElementsAre(10, 0, 0, 10));
  EXPECT_THAT(FitTable(columns, {}, 34, {"b", "d"}).widths, ElementsAre(10, 10, 0, 10));
  EXPECT_THAT(FitTable(columns, {}, 33, {"b", "d"}).widths, ElementsAre(10, 10, 0, 0));
  EXPECT_THAT(FitTable(columns, {}, 1, {"d"}).widths, ElementsAre(10, 0, 0, 0));
  const std::vector<TableColumnSize> empty = {
      {"a", 10}, {"b", 10}, {.name = "c", .value_width = 10, .is_empty = true}};
  EXPECT_THAT(FitTable(empty, {"b"}, 22, {"c"}).widths, ElementsAre(10, 10, 0));
}

// What is narrow enough has the room of a wider column that had to go.
TEST(TableFitTest, NarrowColumnsComeBack) {
  const std::vector<TableColumnSize> columns = {{"a", 10}, {"b", 4}, {"c", 6}, {"d", 30}, {"e", 5}};
  EXPECT_THAT(FitTable(columns, {"b", "c", "d"}, 34).widths, ElementsAre(10, 4, 6, 0, 5));
  EXPECT_THAT(FitTable(columns, {"b", "c", "d"}, 28).widths, ElementsAre(10, 0, 6, 0, 5));
  const std::vector<TableColumnSize> empty = {
      {"a", 10}, {.name = "b", .value_width = 1, .is_empty = true}, {"c", 30}};
  EXPECT_THAT(FitTable(empty, {}, 20).widths, ElementsAre(10, 0, 0)) << "there is nothing in it";
}

TEST(TableFitTest, TheWidestTextsGiveWay) {
  std::vector<TableColumnSize> columns = {{"a", 60, true}, {"b", 40, true}, {"c", 30}};
  EXPECT_THAT(FitTable(columns, {}, 124).widths, ElementsAre(50, 40, 30));
  EXPECT_THAT(FitTable(columns, {}, 94).widths, ElementsAre(30, 30, 30));
  EXPECT_THAT(FitTable(columns, {}, 74).widths, ElementsAre(20, 20, 30));
  EXPECT_THAT(FitTable(columns, {}, 73).widths, ElementsAre(35, 36, 0));
  columns[0].min_width = 24;
  EXPECT_THAT(FitTable(columns, {}, 78).widths, ElementsAre(24, 20, 30));
  EXPECT_THAT(FitTable(columns, {}, 77).widths, ElementsAre(37, 38, 0));
}

TEST(WrappedTextTest, BreaksAtBlanksThenBehindSigns) {
  EXPECT_THAT(WrappedText("", 10), ElementsAre(""));
  EXPECT_THAT(WrappedText("four words of text", 18), ElementsAre("four words of text"));
  EXPECT_THAT(WrappedText("four words of text", 17), ElementsAre("four words of", "text"));
  EXPECT_THAT(WrappedText("four words of text", 10), ElementsAre("four words", "of text"));
  EXPECT_THAT(WrappedText("UPTODATE,LRU,MMAP,ANON", 14), ElementsAre("UPTODATE,LRU,", "MMAP,ANON"));
  EXPECT_THAT(WrappedText("mostly /usr/lib/libc.so.6 r-xp", 12),
              ElementsAre("mostly /usr/", "lib/", "libc.so.6", "r-xp"));
  EXPECT_THAT(WrappedText("mostly /usr/lib/libc.so.6 r-xp", 18),
              ElementsAre("mostly", "/usr/lib/libc.so.6", "r-xp"));
  EXPECT_THAT(WrappedText("0123456789abc", 5), ElementsAre("01234", "56789", "abc"));
}

TEST(WrappedTextTest, CharactersStayWhole) {
  EXPECT_THAT(WrappedText("\u00e4\u00f6\u00fc", 2), ElementsAre("\u00e4\u00f6", "\u00fc"));
  // Each takes two columns.
  EXPECT_THAT(WrappedText("\u6f22\u5b57", 3), ElementsAre("\u6f22", "\u5b57"));
  EXPECT_THAT(WrappedText("\u6f22\u5b57", 1), ElementsAre("\u6f22", "\u5b57"));
}

TEST(BrokenHeadingTest, BreaksBehindUnderscores) {
  EXPECT_THAT(BrokenHeading("kernel_rss_kib", 7), ElementsAre("kernel_", "rss_kib"));
  EXPECT_THAT(BrokenHeading("kernel_rss_kib", 3), ElementsAre("kernel_", "rss_", "kib"));
  EXPECT_THAT(BrokenHeading("kernel_rss_kib", 14), ElementsAre("kernel_rss_kib"));
  EXPECT_THAT(BrokenHeading("name", 1), ElementsAre("name"));
  EXPECT_THAT(BrokenHeading("_a__b_", 1), ElementsAre("_", "a_", "_", "b_"));
  EXPECT_THAT(BrokenHeading("", 1), ElementsAre(""));
}

constexpr Terminal kTerminal = {.width = 80, .utf8 = true};

// Sizes lose their unit on a terminal: no two columns may have one name then.
TEST(TableWidthTest, HeadingsDiffer) {
  for (const Report& report : BuiltInReports()) {
    if (!report.picture_label.empty()) continue;  // has no headings
    std::set<std::string> headings;
    for (const ReportColumn& column : report.columns) {
      std::string heading = column.name;
      if (heading.ends_with("_kib")) heading.resize(heading.size() - 4);
      EXPECT_TRUE(headings.insert(heading).second) << report.name << " " << column.name;
    }
  }
}

// What a person sees of each report; of those about one process, of the first.
TEST(TableWidthTest, EightyColumns) {
  const std::string samples = PAGESNAP_SAMPLE_DIR;
  std::vector<std::vector<std::string>> commands;
  for (const Report& report : BuiltInReports()) {
    if (report.name == "translate") continue;
    std::vector<std::string>& command = commands.emplace_back();
    std::stringstream words(report.name);
    for (std::string word; words >> word;) command.push_back(word);
    command.insert(command.end(), {"samples/python.pagesnap", "--limit", "6"});
    if (report.name == "layout") command.insert(command.end(), {"--pid", "10"});
  }
  const std::string workload = "samples/workload.pagesnap";
  commands.insert(
      commands.end(),
      {{"translate", workload, "--pid", "22911", "--address", "0x7f2bec09d000", "--address",
        "0x7f2bec045000"},
       {"translate", workload, "--physical", "0x1decea010"},
       {"swap", "samples/python.pagesnap", "--by", "device"},
       {"flags", workload, "--require", "THP"},
       {"processes", "samples/postgresql.pagesnap"},
       {"maps", "samples/postgresql.pagesnap", "--pid", "29", "--limit", "6"},
       {"timeline", "samples/python.pagesnap", "--by", "mapping", "--top", "2"},
       {"diff", "samples/versions/format-5.pagesnap", "samples/versions/format-6.pagesnap"}});
  std::string text;
  for (std::vector<std::string> command : commands) {
    text += fmt::format("$ analyze {}\n", fmt::join(command, " "));
    for (std::string& word : command) {
      if (word.starts_with("samples/")) word = samples + word.substr(7);
    }
    const std::string table = RunReport(command, kTerminal).out;
    std::stringstream lines(table);
    for (std::string line; std::getline(lines, line);) {
      if (line.find(samples) != std::string::npos) continue;  // longer than in the file
      EXPECT_LE(DisplayWidth(line), 80u) << line;
    }
    text += table + "\n";
  }
  for (size_t at; (at = text.find(samples)) != std::string::npos;) {
    text.replace(at, samples.size(), "samples");
  }
  ExpectGolden("terminal.txt", text);
}

// The answer stays, whatever else is left out: how much is in swap; what flags a frame has; what
// changed.
TEST(TableWidthTest, TheAnswerStays) {
  const std::string samples = std::string(PAGESNAP_SAMPLE_DIR) + "/";
  auto heading = [](const std::string& out) {
    return out.substr(0, out.find('\n', out.find("pid")));
  };
  for (const size_t width : {60, 80, 100}) {
    const Terminal terminal = {.width = width, .utf8 = true};
    EXPECT_THAT(heading(RunReport({"swap", samples + "python.pagesnap"}, terminal).out),
                testing::AllOf(HasSubstr("state"), HasSubstr("device"), HasSubstr("size")));
    EXPECT_THAT(
        heading(RunReport({"translate", samples + "workload.pagesnap", "--physical", "0x1decea010"},
                          terminal)
                    .out),
        testing::AllOf(HasSubstr("flags"), HasSubstr("count")));
    const std::string diff = RunReport({"diff", samples + "python.pagesnap"}, terminal).out;
    EXPECT_THAT(diff, HasSubstr("detail"));
    EXPECT_THAT(diff, testing::Not(HasSubstr("\u2026")));
  }
}

}  // namespace
}  // namespace pagesnap
