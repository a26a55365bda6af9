// Pictures on given terminals.
#include "analyze/picture.h"

#include <gmock/gmock.h>

#include <fstream>

#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

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
