// Comparisons with processes that are known in part: each total is of those that are known, and
// says of how many.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Process 100 has 8 pages before, and 12 after; 101 has 4, and ended while it was captured again.
class PartialTotalTest : public testing::Test {
 protected:
  static ProcReader& Fill(MachineTree* machine, uint64_t page_count) {
    machine->AddFrames(0x100, 32, 0x5828, 1, 7);
    machine->AddProcess({.pid = 100, .mappings = {{.pages = PresentRun(0x100, page_count)}}});
    const TreeMapping part{.pages = PresentRun(0x110, 4), .page_count = 8};
    machine->AddProcess({.pid = 101, .mappings = {part}});
    return machine->reader();
  }
  PartialTotalTest() { ChangeFile(after_.path(), "UPDATE process SET ended = 1 WHERE pid = 101"); }
  ReportResult Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin() + 1, {before_.path(), after_.path()});
    return RunReport(arguments);
  }
  json Rows(const std::string& report) {
    return json::parse(Run({report, "--format", "json"}).out);
  }

  MachineTree machine_before_, machine_after_;
  CapturedSnapshot before_{Fill(&machine_before_, 8)};
  CapturedSnapshot after_{Fill(&machine_after_, 12)};
};

TEST_F(PartialTotalTest, IsOfWhatIsKnown) {
  const json total = Rows("diff-total").at(0);
  EXPECT_EQ(total.at("before_rss_kib"), 48);
  EXPECT_EQ(total.at("after_rss_kib"), 48) << "without process 101";
  EXPECT_EQ(total.at("rss_kib"), 16) << "of process 100";
  EXPECT_EQ(total.at("pss_kib"), 16);
  EXPECT_EQ(total.at("process_count"), 2);
  EXPECT_EQ(total.at("unknown_process_count"), 1);
  EXPECT_FALSE(total.contains("known_counts"));
  for (const char* format : {"table", "csv"}) {
    EXPECT_THAT(Run({"diff-total", "--format", format}).notes,
                AllOf(HasSubstr("note: the total of after_hugetlb_kib, after_pss_kib, "
                                "after_rss_kib, after_swap_kib, after_thp_kib, after_uss_kib, "
                                "hugetlb_kib, pss_kib, rss_kib, swap_kib, thp_kib, uss_kib is of "
                                "1 of 2 processes: unknown in the others\n"),
                      Not(HasSubstr("before_"))))
        << format;
  }
  EXPECT_THAT(Run({"diff-processes"}).notes,
              HasSubstr("after_rss_kib, rss_kib, after_pss_kib, pss_kib, after_uss_kib"));
  EXPECT_THAT(Run({"diff"}).out, HasSubstr("before in 2, after in 1, both in 1 of 2 processes"));
}

TEST_F(PartialTotalTest, OfNothingIsUnknown) {
  ChangeFile(after_.path(), "UPDATE process SET ended = 1");
  const json total = Rows("diff-total").at(0);
  EXPECT_EQ(total.at("before_rss_kib"), 48);
  EXPECT_TRUE(total.at("after_rss_kib").is_null());
  EXPECT_TRUE(total.at("rss_kib").is_null());
  EXPECT_THAT(Run({"diff-total"}).notes, HasSubstr("no total of after_hugetlb_kib"));
  // What is gone had 0, which is no figure of the others.
  ChangeFile(after_.path(),
             "DELETE FROM gap; DELETE FROM page_chunk; DELETE FROM mapping; "
             "DELETE FROM process WHERE pid = 101");
  EXPECT_TRUE(Rows("diff-total").at(0).at("after_rss_kib").is_null());
  EXPECT_EQ(Rows("diff-total").at(0).at("rss_kib"), -16);
}

// The rest could be more than the limit, or less than nothing.
TEST_F(PartialTotalTest, DoesNotPassForTheWhole) {
  const ReportResult result = Run({"diff", "--fail-if", "rss_kib > 1024"});
  EXPECT_EQ(result.code, kExitWithGaps);
  EXPECT_THAT(result.notes, HasSubstr("analyze: --fail-if 'rss_kib > 1024' is unknown: rss_kib is "
                                      "16 in 1 of 2 processes\n"));
  EXPECT_EQ(Run({"diff", "--fail-if", "rss_kib > 8"}).code, kExitWithGaps);
  EXPECT_EQ(Run({"diff", "--fail-if", "before_rss_kib > 8"}).code, kExitCondition);
  EXPECT_EQ(Run({"diff", "--fail-if", "gone_process_count > 0"}).code, kExitOk);
}

TEST_F(PartialTotalTest, CountsAreSaidToBeMissing) {
  const std::string report = before_.path() + ".sql";
  std::ofstream(report) << "-- title: T\n-- partial: c of n\nSELECT 1 AS n, 'x' AS c";
  EXPECT_EQ(ErrorOf([&] {
              RunReport({"run", report, before_.path()});
            }),
            "the column 'c' has no counts");
  std::ofstream(report) << "-- title: T\n-- partial: c\nSELECT 1 AS n, 'x' AS c";
  EXPECT_THAT(ErrorOf([&] {
                RunReport({"run", report, before_.path()});
              }),
              HasSubstr("is not understood"));
}

TEST_F(PartialTotalTest, AProcessThatEndedIsUnknownInASeries) {
  const json rows = Rows("timeline");
  ASSERT_EQ(rows.size(), 4u);
  for (const json& row : rows) {
    const bool is_known = row.at("snapshot") == 1 || row.at("pid") == 100;
    EXPECT_EQ(row.at("rss_kib").is_number(), is_known) << row;
  }
  EXPECT_THAT(RunReport({"translate", after_.path(), "--pid", "101", "--address", "0x16000",
                         "--address", "0x99000", "--address", "0x10000", "--format", "csv"})
                  .out,
              AllOf(HasSubstr("0x16000,unknown,"), HasSubstr("0x99000,unknown,"),
                    HasSubstr("0x10000,present,")));
}

// As a program that is executed: there is no memory to compare its first with.
TEST_F(PartialTotalTest, AProcessWithoutMappingsBeforeIsInASeries) {
  ChangeFile(before_.path(),
             "DELETE FROM page_chunk WHERE mapping_id IN (SELECT m.id FROM mapping m "
             "JOIN process p ON p.id = m.process_id WHERE p.pid = 100); "
             "DELETE FROM mapping WHERE process_id IN (SELECT id FROM process WHERE "
             "pid = 100); UPDATE process SET mapping_count = 0 WHERE pid = 100");
  int rows = 0;
  for (const json& row : Rows("timeline")) {
    if (row.at("pid") != 100) continue;
    ++rows;
    EXPECT_EQ(row.at("snapshot"), 2);
    EXPECT_EQ(row.at("rss_kib"), 48);
  }
  EXPECT_EQ(rows, 1);
}

}  // namespace
}  // namespace pagesnap
