// Pictures on given terminals.
#include "analyze/picture.h"

#include <gmock/gmock.h>

#include <fstream>

#include "lib/kernel/frame_flags.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class PictureTest : public testing::Test {
 protected:
  PictureTest() : file_(Machine().reader()) {}
  MachineTree& Machine() {
    FillSampleMachine(machine_);
    return machine_;
  }
  // Draws rows: (start, end, cell, state, kib, label).
  std::string Draw(const std::string& rows, const Terminal& terminal = {}) {
    const std::string report = folder_.File("mine.sql");
    std::ofstream(report) << "-- title: T\n-- picture label: not mapped\n"
                             "WITH r (\"start\", \"end\", cell, state, kib, label) AS (VALUES "
                          << rows << ") SELECT *, 4 AS cell_kib FROM r";
    return RunReport({"run", report, file_.path()}, terminal).out;
  }
  MachineTree machine_;
  CapturedSnapshot file_;
  TestFolder folder_;
};

constexpr char kRows[] =
    "('0x10000', '0x11000', 'A', 'anonymous', 4, '[heap]'), "
    "('0x11000', '0x14000', '.', 'absent', 0, '[heap]'), "
    "('0x14000', '0x14800', 'f', 'file', 1, '/usr/bin/server'), "
    "('0x20000', '0x120000', '.', 'absent', 0, ''), "
    "('0x120000', '0x121000', 'A', 'anonymous', 3, '')";

TEST_F(PictureTest, JoinsRowsOfOneLabelAndCollapsesGaps) {
  EXPECT_EQ(Draw(kRows),
            "0x10000         [heap]                     A...\n"
            "0x14000         /usr/bin/server            f\n"
            "...             46.0 KiB not mapped\n"
            "0x20000                                    ... 1.0 MiB absent\n"
            "0x120000                                   A\n"
            "\n"
            "A cell is 4.0 KiB; a small letter: less than half of it is in use.\n"
            "A  anonymous     7.0 KiB   88 %\n"
            "f  file          1.0 KiB   12 %\n"
            ".  absent\n");
}

// A cell of which most is shared has anonymous pages, too: no cell is drawn for them alone.
TEST_F(PictureTest, TheLegendAddsUpContents) {
  const std::string report = folder_.File("mine.sql");
  std::ofstream(report)
      << "-- title: T\n-- picture label: not mapped\n"
         "-- legend: A anonymous = anonymous_kib, S shared = shared_kib, W in swap = swap_kib\n"
         "SELECT '0x10000' AS start, '0x20000' AS end, 'S' AS cell, 'shared' AS state, 64 AS kib, "
         "'' AS label, 64 AS cell_kib, 20 AS anonymous_kib, 44 AS shared_kib, 0 AS swap_kib "
         "UNION ALL SELECT '0x20000', '0x30000', '.', 'absent', 0, '', 64, 12, NULL, 0";
  EXPECT_EQ(RunReport({"run", report, file_.path()}).out,
            "0x10000                                    S.\n\n"
            "A cell is 64.0 KiB; a small letter: less than half of it is in use.\n"
            "S  shared       44.0 KiB   58 %\n"
            "A  anonymous    32.0 KiB   42 %\n"
            ".  absent\n");
}

// What the legend of a layout says is what the mappings have.
TEST_F(PictureTest, TheLegendOfALayoutAgreesWithMaps) {
  MachineTree machine;
  machine.AddFrames(0x100, 24, 0x5828, 1, 7);
  machine.AddFrames(0x118, 8, 0x5828, 2, 7);
  machine.AddFrames(0x120, 5, 0x828, 1, 7);
  TreeProcess process{.pid = 100};
  TreeMapping file{.start = 0x400000, .pages = PresentRun(0x120, 5)};
  file.inode = 7;
  file.path = "/lib/a";
  process.mappings = {{.start = 0x200000, .pages = PresentRun(0x100, 32)}, file};
  process.mappings.front().pages.push_back(Swapped(0, 3));
  machine.AddProcess(process);
  machine.SetSwaps({"/swap file 2097152 8 -2"});
  CapturedSnapshot captured(machine.reader());
  for (const char* cell : {"4", "64", "4096"}) {
    const std::string out = RunReport({"layout", captured.path(), "--cell", cell}).out;
    EXPECT_THAT(out, HasSubstr("A  anonymous    96.0 KiB   63 %\n")) << cell;
    EXPECT_THAT(out, HasSubstr("S  shared       32.0 KiB   21 %\n")) << cell;
    EXPECT_THAT(out, HasSubstr("F  file         20.0 KiB   13 %\n")) << cell;
    EXPECT_THAT(out, HasSubstr("W  swapped       4.0 KiB    3 %\n")) << cell;
  }
}

// One cell, and a cell each for most: what there is in all is the same. Names can have any bytes.
TEST_F(PictureTest, TheLegendOfMemoryAddsUpContents) {
  MachineTree machine;
  machine.AddFrames(0x100, 32, 0x5828, 1, 7);
  machine.AddFrames(0x120, 1, kFrameZeroPage, 0, 0);
  TreeProcess first{.pid = 100, .name = "a\xff\n\"b"};
  first.mappings = {{.pages = PresentRun(0x100, 16)}};
  first.mappings.front().pages.push_back(Present(0x120));
  machine.AddProcess(first);
  machine.AddProcess({.pid = 101, .name = "b", .mappings = {{.pages = PresentRun(0x10d, 8)}}});
  CapturedSnapshot captured(machine.reader());
  for (const char* cell : {"4", "64", "1024"}) {
    EXPECT_THAT(RunReport({"layout", "--physical", captured.path(), "--cell", cell}).out,
                AllOf(HasSubstr("A  100 a\\xff\\x0a\"b    52.0 KiB   59 %\n"),
                      HasSubstr("B  101 b              20.0 KiB   23 %\n"),
                      HasSubstr("*  shared             12.0 KiB   14 %\n"),
                      HasSubstr("-  nobody              4.0 KiB    5 %\n")))
        << cell;
  }
}

TEST_F(PictureTest, LinesFitTheTerminal) {
  std::string rows;
  for (int i = 0; i < 100; ++i) {
    rows += (i == 0 ? "" : ", ") + std::string("(printf('0x%x', 4096 * (16 + ") +
            std::to_string(i) + ")), printf('0x%x', 4096 * (17 + " + std::to_string(i) +
            ")), 'A', 'anonymous', 4, '/a/rather/long/path/of/a/library.so.6')";
  }
  EXPECT_THAT(Draw(rows, {.width = 60}),
              StartsWith("0x10000         /a/...rary.so.6  " + std::string(24, 'A') + "\n" +
                         "0x28000                          " + std::string(24, 'A') + "\n"));
  for (const size_t width : {40, 60, 80, 120, 200}) {
    const std::string drawn = Draw(rows, {.width = width});
    for (size_t at = 0; at < drawn.size();) {
      const size_t end = drawn.find('\n', at);
      EXPECT_LE(end - at, std::max<size_t>(width, 67)) << width;  // the last lines are text
      if (drawn[at] == '0') {
        EXPECT_LE(end - at, width);
      }
      at = end + 1;
    }
    EXPECT_EQ(std::count(drawn.begin(), drawn.end(), 'A'), 102) << width;
  }
}

TEST_F(PictureTest, ColoursAreOfStates) {
  const std::string drawn = Draw(kRows, {.width = 100, .colour = true});
  EXPECT_THAT(drawn, HasSubstr("  \033[30;42mA\033[0m\033[2m...\033[0m\n"));
  EXPECT_THAT(drawn, HasSubstr("  \033[34mf\033[0m\n"));
  EXPECT_THAT(Draw(kRows, {.width = 100}), Not(HasSubstr("\033")));
}

TEST_F(PictureTest, HostileTextCannotDriveATerminal) {
  const std::string drawn =
      Draw("('0x1000', '0x2000', char(27), 'st' || char(155), 1, 'l' || char(27, 8238))",
           {.width = 100, .utf8 = true});
  EXPECT_THAT(drawn, StartsWith("0x1000          l\\x1b\\xe2\\x80\\xae          \\\n"));
  EXPECT_THAT(drawn, HasSubstr("st\\xc2\\x9b"));
}

TEST_F(PictureTest, WhatIsNoPictureIsSaid) {
  EXPECT_EQ(ErrorOf([&] { Draw("('x', '0x2000', 'A', 's', 1, 'l')"); }),
            "a picture needs addresses, not 'x'");
  EXPECT_THAT(ErrorOf([&] { Draw("('0x2000', '0x2000', 'A', 's', 1, 'l')"); }),
              HasSubstr("an end behind the start"));
  const std::string report = folder_.File("none.sql");
  std::ofstream(report) << "-- title: T\n-- picture path: g\nSELECT 1 AS start";
  EXPECT_EQ(ErrorOf([&] {
              RunReport({"run", report, file_.path()});
            }),
            "a picture needs a column 'end'");
}

TEST_F(PictureTest, ContentsThatAreNoneAreSaid) {
  const std::string report = folder_.File("mine.sql");
  for (const char* contents : {"", "1", "[1]", "[[\"A\",\"s\"]]", "[[\"A\",2,3]]"}) {
    std::ofstream(report)
        << "-- title: T\n-- picture label: g\n-- legend column: c\n"
           "SELECT '0x1000' AS start, '0x2000' AS end, 'A' AS cell, 's' AS state, "
           "4 AS kib, '' AS label, 4 AS cell_kib, '"
        << contents << "' AS c";
    EXPECT_EQ(ErrorOf([&] {
                RunReport({"run", report, file_.path()});
              }),
              "a picture needs arrays of [letter, state, KiB] in the column 'c'")
        << contents;
  }
}

TEST_F(PictureTest, OtherFormatsHaveTheRows) {
  EXPECT_THAT(RunReport({"layout", file_.path(), "--pid", "100", "--format", "csv"}).out,
              StartsWith("pid,start,end,perms,path,label,cell_kib,cell,state,kib,"));
}

TEST_F(PictureTest, ALayoutIsOfOneProcess) {
  EXPECT_THAT(ErrorOf([&] {
                RunReport({"layout", file_.path()});
              }),
              HasSubstr("has 2; say which with --pid N"));
}

TEST_F(PictureTest, FormsAreChosenByTheirOptions) {
  const std::string by_path = RunReport({"maps", file_.path(), "--by", "path"}).out;
  EXPECT_THAT(by_path, StartsWith("path "));
  EXPECT_EQ(RunReport({"maps", "--by=path", file_.path()}).out, by_path);
  EXPECT_EQ(ErrorOf([&] {
              RunReport({"maps", file_.path(), "--by", "pid"});
            }),
            "maps --by: there is only 'maps --by path'");
  EXPECT_THAT(RunReport({"layout", "--physical", file_.path()}).out, HasSubstr("node "));
}

}  // namespace
}  // namespace pagesnap
