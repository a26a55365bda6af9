// Our figures, the stored figures of the kernel, and smaps as other code reads it, to the KiB.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "tests/live/live_testing.h"
#include "tests/support/smaps_oracle.h"

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
  if (workload.region("zero_page").skipped.empty()) expect("zero_page", 0, 0, 0, 0, 0);
  expect("shared_memory", 16 * page_kib, 8 * page_kib, 0, 0, 0);
  expect("copied_on_write", 8 * page_kib, 6 * page_kib, 4 * page_kib, 0, 0);
  if (pool.available()) expect("hugetlb", 0, 0, 0, 0, 2048);
  if (swap.available()) expect("swapped", 0, 0, 0, 16 * page_kib, 0);
}

// Returns a figure of /proc/PID/status in KiB.
uint64_t StatusFigure(pid_t pid, const std::string& key) {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  for (std::string word; file >> word;) {
    uint64_t kib = 0;
    if (word == key + ":" && file >> kib) return kib;
  }
  ADD_FAILURE() << "no " << key << " in the status of " << pid;
  return 0;
}

// The kinds of pages against smaps, mapping by mapping, and against the sums in status.
TEST(LiveAccountingTest, KindsEqualSmapsAndStatus) {
  if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
  const HugetlbPool pool(1);
  const TemporaryDirectory directory;
  Workload workload;
  const std::string file = directory.File("workload.pagesnap");
  workload.Stop();
  const std::vector<pid_t> pids = {workload.pid(), *workload.child_pid()};
  CaptureProcesses(pids, file);
  const Json maps = AnalyzeRows({"maps", file});
  const Json processes = AnalyzeRows({"processes", file});
  for (const pid_t pid : pids) {
    std::map<std::string, uint64_t> anonymous;
    for (const SmapsEntry& entry : ReadSmaps(pid)) {
      anonymous[fmt::format("{:#x}", entry.start)] = entry.anonymous_kib;
    }
    for (const Json& row : maps) {
      if (row.at("pid") != pid) continue;
      EXPECT_EQ(row.at("anonymous_kib"), anonymous.at(row.at("start"))) << row;
    }
    for (const Json& row : processes) {
      if (row.at("pid") != pid) continue;
      EXPECT_EQ(row.at("anonymous_kib"), StatusFigure(pid, "RssAnon"));
      EXPECT_EQ(row.at("file_kib"), StatusFigure(pid, "RssFile"));
      EXPECT_EQ(row.at("shmem_kib"), StatusFigure(pid, "RssShmem"));
      EXPECT_GE(row.at("shmem_kib"), 64);  // the workload's region shared_memory
      EXPECT_EQ(row.at("gap_count"), 0);
      // smaps rounds down for each mapping, here it is done once.
      EXPECT_GE(row.at("pss_kib"), row.at("kernel_pss_kib"));
      EXPECT_LE(row.at("pss_kib"),
                row.at("kernel_pss_kib").get<uint64_t>() + row.at("mapping_count").get<uint64_t>());
    }
  }
  const Json huge = AnalyzeRows(
      {"sql", file,
       "SELECT SUM(u.thp_kib) AS ours, SUM(k.anon_huge_kib) AS kernel FROM mapping_usage u JOIN "
       "kernel_usage k ON k.process_id = u.process_id AND k.mapping_id = u.mapping_id JOIN mapping "
       "m ON m.id = u.mapping_id WHERE m.file_id IS NULL"});
  EXPECT_EQ(huge.at(0).at("ours"), huge.at(0).at("kernel"));
}

}  // namespace
}  // namespace pagesnap
