// Groups of processes on this machine: against their pagemap entries, the kernel's own sums, and
// what is free once they are gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "lib/base/error.h"
#include "tests/live/forked_service.h"
#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

using Json = nlohmann::json;

Json RowOf(const Json& rows, const std::string& column, const std::string& value) {
  for (const Json& row : rows) {
    if (row.at(column) == value) return row;
  }
  throw Error("no row with " + column + " " + value);
}

// Returns a field of /proc/PID/smaps_rollup in KiB.
uint64_t RollupOf(pid_t pid, const std::string& field) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  std::string word;
  while (file >> word) {
    uint64_t kib = 0;
    if (word == field + ":" && file >> kib) return kib;
  }
  throw Error("no " + field + " in smaps_rollup");
}

class LiveGroupsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
  }
};

TEST_F(LiveGroupsTest, DistinctFramesAreThoseOfPagemap) {
  const ForkedService service({.workers = 4});
  const TemporaryDirectory directory;
  const std::string file = directory.File("a.pagesnap");
  CaptureProcesses(service.pids(), file);
  const std::string root = std::to_string(service.parent()) + " live_test";
  const Json group = RowOf(AnalyzeRows({"groups", file, "--by", "tree"}), "group_name", root);
  EXPECT_EQ(group.at("process_count"), 5);
  const Json frames = AnalyzeRows(
      {"sql", file,
       "SELECT COUNT(DISTINCT pfn) * 4 AS kib FROM page "
       "WHERE state = 'present' AND flags & frame_flag('NOPAGE', 'ZERO_PAGE', 'HUGE') = 0"});
  EXPECT_EQ(group.at("ram_kib"), frames.at(0).at("kib"));
  // What all of them have since fork is there once, and what each wrote.
  const uint64_t own = 4 * (ForkedService::kParentPages + ForkedService::kParentWritten +
                            4 * (ForkedService::kWrittenPages + ForkedService::kNewPages));
  EXPECT_GE(group.at("uss_kib"), own);
  EXPECT_LE(group.at("uss_kib"), own + 4096);
  EXPECT_GE(group.at("rss_kib"), 5 * ForkedService::kParentPages * 4);
}

// The sums of what smaps says, for processes that do not run.
TEST_F(LiveGroupsTest, SharesAreThoseOfSmaps) {
  const ForkedService service({.workers = 3});
  const TemporaryDirectory directory;
  const std::string file = directory.File("a.pagesnap");
  CaptureProcesses(service.pids(), file);
  uint64_t pss = 0, uss = 0;
  for (const pid_t pid : service.pids()) {
    pss += RollupOf(pid, "Pss");
    uss += RollupOf(pid, "Private_Clean") + RollupOf(pid, "Private_Dirty");
  }
  const Json group = AnalyzeRows({"groups", file, "--by", "user"}).at(0);
  EXPECT_EQ(group.at("group_name"), std::to_string(getuid()));
  EXPECT_EQ(group.at("kernel_uss_kib"), uss);
  // Each process is rounded once there. Other programs, capture too, map the same libraries.
  EXPECT_NEAR(group.at("pss_kib").get<double>(), static_cast<double>(pss),
              4 + 0.01 * static_cast<double>(pss));
}

// A service in a cgroup of its own: what exit of all of it uncharges.
TEST_F(LiveGroupsTest, FreedIsWhatTheCgroupLoses) {
  const MemoryCgroup cgroup;
  if (!cgroup.available()) GTEST_SKIP() << cgroup.reason();
  auto charged = [&] {
    for (const char* name : {"/memory.current", "/memory.usage_in_bytes"}) {
      uint64_t bytes = 0;
      if (std::ifstream file(cgroup.directory() + name); file >> bytes) return bytes / 1024;
    }
    throw Error("the cgroup does not say what is charged");
  };
  const TemporaryDirectory directory;
  const std::string file = directory.File("a.pagesnap");
  uint64_t before = 0;
  {
    const ForkedService service({.workers = 4, .cgroup = cgroup.directory()});
    CaptureProcesses(service.pids(), file);
    before = charged();
  }
  const Json group = RowOf(AnalyzeRows({"groups", file}), "group_name", cgroup.path());
  const uint64_t freed = group.at("freed_kib");
  // One by one, its processes free only what they wrote.
  uint64_t alone = 0;
  for (const Json& row : AnalyzeRows({"exit-gain", file})) alone += row.at("freed_kib").get<int>();
  EXPECT_LT(alone + ForkedService::kParentPages * 4 / 2, freed);
  // Page tables and stacks of the kernel are charged, too: some hundred KiB a process.
  EXPECT_GE(freed, ForkedService::kParentPages * 4);
  EXPECT_NEAR(static_cast<double>(before - charged()), static_cast<double>(freed), 5 * 1024.0);
}

}  // namespace
}  // namespace pagesnap
