// The reports that compare, of a machine in two states.
#include <gmock/gmock.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/analyze/golden.h"
#include "tests/support/changed_machine.h"
#include "tests/support/comparison_rules.h"

namespace pagesnap {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kFigures[] = {"rss_kib",  "pss_kib",     "uss_kib",
                                    "swap_kib", "hugetlb_kib", "thp_kib"};

class DiffTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    MachineTree before;
    FillMachineBefore(before);
    before_ = std::make_unique<CapturedSnapshot>(before.reader());
    MachineTree after;
    FillMachineAfter(after);
    after_ = std::make_unique<CapturedSnapshot>(after.reader());
  }
  static void TearDownTestSuite() {
    before_.reset();
    after_.reset();
  }
  // Runs a report of before and after, or the other way round.
  static std::vector<std::string> Command(const std::string& report,
                                          const std::vector<std::string>& options = {},
                                          bool reverse = false) {
    std::vector<std::string> command = {report, before_->path(), after_->path()};
    if (reverse) std::swap(command[1], command[2]);
    command.insert(command.end(), options.begin(), options.end());
    return command;
  }
  static json Rows(const std::string& report, std::vector<std::string> options = {},
                   bool reverse = false) {
    options.insert(options.end(), {"--format", "json"});
    return json::parse(RunReport(Command(report, options, reverse)).out);
  }
  static ReportResult FailIf(const std::string& expression) {
    return RunReport(Command("diff", {"--fail-if", expression}));
  }

  static std::unique_ptr<CapturedSnapshot> before_;
  static std::unique_ptr<CapturedSnapshot> after_;
};
std::unique_ptr<CapturedSnapshot> DiffTest::before_;
std::unique_ptr<CapturedSnapshot> DiffTest::after_;

TEST_F(DiffTest, Golden) {
  ExpectGoldenReport("diff", Command("diff"));
  ExpectGoldenReport("diff_rerun", Command("diff", {"--match", "rerun"}));
  ExpectGoldenReport("diff-total", Command("diff-total"));
  ExpectGoldenReport("diff-processes", Command("diff-processes"));
  ExpectGoldenReport("diff-maps", Command("diff-maps"));
  ExpectGoldenReport("diff-maps_all", Command("diff-maps", {"--all", "--pid", "100"}));
  ExpectGoldenReport("diff-pages", Command("diff-pages"));
  ExpectGoldenReport("diff-pages_swap",
                     Command("diff-pages", {"--change", "swapped_out", "--change", "swapped_in"}));
  ExpectGoldenReport("timeline", Command("timeline"));
  ExpectGoldenReport("timeline_mapping",
                     Command("timeline", {"--by", "mapping", "--pid", "100", "--top", "3"}));
}

// What was before, and the difference, is what is after: in every row.
TEST_F(DiffTest, Conservation) {
  for (const char* report : {"diff-processes", "diff-maps", "diff-total"}) {
    for (const json& row : Rows(report)) {
      for (const std::string figure : kFigures) {
        ASSERT_TRUE(row.at(figure).is_number()) << report << " " << row;
        EXPECT_EQ(row.at("before_" + figure).get<int>() + row.at(figure).get<int>(),
                  row.at("after_" + figure).get<int>())
            << report << " " << figure << " " << row;
      }
    }
  }
}

int Sum(const json& rows, const std::string& column) {
  int sum = 0;
  for (const json& row : rows) sum += row.at(column).get<int>();
  return sum;
}

// All levels add up to what the snapshots themselves have.
TEST_F(DiffTest, TheLevelsAgree) {
  const json total = Rows("diff-total").at(0);
  for (const auto& [side, file] : {std::pair("before_", &before_), std::pair("after_", &after_)}) {
    const json processes =
        json::parse(RunReport({"processes", (*file)->path(), "--format", "json"}).out);
    for (const std::string figure : {"rss_kib", "pss_kib", "uss_kib", "swap_kib", "hugetlb_kib"}) {
      const int wanted = Sum(processes, figure);
      EXPECT_EQ(total.at(side + figure), wanted) << side << figure;
      EXPECT_EQ(Sum(Rows("diff-processes"), side + figure), wanted) << side << figure;
      EXPECT_EQ(Sum(Rows("diff-maps", {"--all"}), side + figure), wanted) << side << figure;
    }
  }
  EXPECT_EQ(total.at("virtual_kib"), Sum(Rows("diff-maps", {"--all"}), "virtual_kib"));
}

// A comparison the other way round has the same figures with the other sign.
TEST_F(DiffTest, Symmetry) {
  const json there = Rows("diff-total").at(0);
  const json back = Rows("diff-total", {}, true).at(0);
  for (const std::string figure : kFigures) {
    EXPECT_EQ(there.at(figure).get<int>(), -back.at(figure).get<int>()) << figure;
  }
  // Of all the others, the opposite is the same.
  for (const auto& [column, value] : there.items()) {
    if (there.contains("before_" + column) || column == "virtual_kib") continue;
    EXPECT_EQ(back.at(MirroredColumn(column)), value) << column;
  }
  EXPECT_EQ(Rows("diff-processes").size(), Rows("diff-processes", {}, true).size());
}

// A snapshot has not changed since itself.
TEST_F(DiffTest, WithItself) {
  const json total = Rows("diff-total", {"--after", "1"}).at(0);
  for (const std::string figure : kFigures) EXPECT_EQ(total.at(figure), 0) << figure;
  EXPECT_EQ(total.at("unchanged_count"), 25);
  EXPECT_EQ(Rows("diff-maps", {"--after", "1"}), json::array());
  EXPECT_EQ(Rows("diff-pages", {"--after", "1"}), json::array());
}

TEST_F(DiffTest, OneProcess) {
  EXPECT_EQ(Rows("diff-processes", {"--pid", "101"}).size(), 1);
  EXPECT_EQ(Rows("diff-total", {"--pid", "101"}).at(0).at("rss_kib"), -12);
  EXPECT_EQ(Rows("diff-total", {"--pid", "102"}).at(0).at("rss_kib"), 12);
  EXPECT_THAT(ErrorOf([] { Rows("diff", {"--pid", "77"}); }), HasSubstr("process 77 is not in"));
}

TEST_F(DiffTest, FailIfExitCodes) {
  const ReportResult holds = FailIf("rss_kib > 0 AND swap_kib >= -4");
  EXPECT_EQ(holds.code, kExitCondition);
  EXPECT_THAT(holds.out, HasSubstr("matched")) << "the report is printed all the same";
  EXPECT_THAT(holds.notes,
              HasSubstr("analyze: --fail-if 'rss_kib > 0 AND swap_kib >= -4' holds: rss_kib is "));
  const ReportResult does_not = FailIf("rss_kib > 1024");
  EXPECT_EQ(does_not.code, kExitOk);
  EXPECT_THAT(does_not.notes, IsEmpty());
  EXPECT_EQ(FailIf("rss > 1M").code, kExitOk);
  EXPECT_EQ(FailIf("rss < 1M").code, kExitCondition);
  EXPECT_THROW(FailIf("rss_kb > 1024"), UsageError);
  EXPECT_EQ(ErrorOf([] {
              RunReport({"info", before_->path(), "--fail-if", "1"});
            }),
            "info has no --fail-if; 'analyze help info' shows what it has");
}

// A figure that is unknown must not pass for one that is small.
TEST_F(DiffTest, FailIfWithoutPfns) {
  MachineTree hidden;
  FillMachineAfter(hidden);
  hidden.HidePfns();
  CapturedSnapshot file(hidden.reader());
  const ReportResult result =
      RunReport({"diff", before_->path(), file.path(), "--fail-if", "rss_kib > 1024"});
  EXPECT_EQ(result.code, kExitWithGaps);
  // One that is gone and a kernel thread are known, of two others nothing is.
  EXPECT_THAT(result.notes,
              HasSubstr("--fail-if 'rss_kib > 1024' is unknown: rss_kib is -12 in 2 of "
                        "4 processes"));
  EXPECT_THAT(result.out, HasSubstr("PFNs were hidden from capture: moved in swap, copied on"));
  const auto code = [&](const std::string& expression) {
    return RunReport({"diff", before_->path(), file.path(), "--fail-if", expression}).code;
  };
  EXPECT_EQ(code("new_process_count > 0"), kExitCondition);
  EXPECT_EQ(code("migrated_count > 0"), kExitWithGaps);
}

}  // namespace
}  // namespace pagesnap
