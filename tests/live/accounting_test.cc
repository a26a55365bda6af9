// Our figures, the stored figures of the kernel, and smaps as other code reads it, to the KiB.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

using Json = nlohmann::json;

TEST(LiveAccountingTest, EqualsSmapsForEveryMappingOfTheWorkload) {
  if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
  const SwapFile swap;
  const HugetlbPool pool(1);
  const TemporaryDirectory directory;
  Workload workload;
  // Without these the test would be weaker than its name, unless the machine cannot have them.
  if (swap.available()) {
    EXPECT_EQ(workload.region("swapped").skipped, "");
  }
  if (pool.available()) {
    EXPECT_EQ(workload.region("hugetlb").skipped, "");
  }
  workload.Stop();
  ExpectFiguresEqualSmaps({workload.pid(), *workload.child_pid()}, directory);
}

// What the oracle cannot say: that the figures are of the regions that the workload made.
TEST(LiveAccountingTest, KnowsTheSizesOfTheRegions) {
  if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
  const SwapFile swap;
  const HugetlbPool pool(1);
  const TemporaryDirectory directory;
  Workload workload;
  const std::string file = directory.File("workload.pagesnap");
  workload.Stop();
  CaptureProcesses({workload.pid(), *workload.child_pid()}, file);
  ExpectInvariants(file);

  const Json rows = AnalyzeRows({"maps", file});
  auto find = [&](const std::string& name) {
    const WorkloadRegion& region = workload.region(name);
    const std::string start = fmt::format("{:#x}", region.start);
    for (const Json& row : rows) {
      if (row.at("pid") == workload.pid() && row.at("start") == start) return row;
    }
    ADD_FAILURE() << "no mapping starts where the region " << name << " does";
    return Json(Json::object());
  };
  auto expect = [&](const std::string& name, uint64_t rss, uint64_t pss, uint64_t uss,
                    uint64_t swapped, uint64_t hugetlb) {
    SCOPED_TRACE(name);
    const Json row = find(name);
    EXPECT_EQ(row.value("rss_kib", Json()), rss);
    EXPECT_EQ(row.value("pss_kib", Json()), pss);
    EXPECT_EQ(row.value("uss_kib", Json()), uss);
    EXPECT_EQ(row.value("swap_kib", Json()), swapped);
    EXPECT_EQ(row.value("hugetlb_kib", Json()), hugetlb);
  };
  const uint64_t page_kib = 4;
  expect("touched", 16 * page_kib, 16 * page_kib, 16 * page_kib, 0, 0);
  expect("partly_touched", 8 * page_kib, 8 * page_kib, 8 * page_kib, 0, 0);
  expect("untouched", 0, 0, 0, 0, 0);
  expect("zero_page", 0, 0, 0, 0, 0);
  expect("shared_memory", 16 * page_kib, 8 * page_kib, 0, 0, 0);
  expect("copied_on_write", 8 * page_kib, 6 * page_kib, 4 * page_kib, 0, 0);
  if (pool.available()) expect("hugetlb", 0, 0, 0, 0, 2048);
  if (swap.available()) expect("swapped", 0, 0, 0, 16 * page_kib, 0);
}

}  // namespace
}  // namespace pagesnap
