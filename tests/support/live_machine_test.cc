#include "tests/support/live_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool Exists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

TEST(RunCommandTest, SeparatesTheOutputsAndKeepsTheExitCode) {
  const CommandResult result = RunCommand({"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
}

TEST(RunCommandTest, ReadsMoreThanAPipeHoldsFromBothOutputs) {
  const CommandResult result =
      RunCommand({"sh", "-c", "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero"});
  EXPECT_EQ(result.out.size(), 300000u);
  EXPECT_EQ(result.err.size(), 300000u);
}

TEST(RunCommandTest, TellsSignalsAndMissingPrograms) {
  EXPECT_EQ(RunCommand({"sh", "-c", "kill -KILL $$"}).exit_code, 128 + SIGKILL);
  EXPECT_THROW(RunCommand({"/no/such/program"}), Error);
}

TEST(RunCommandTest, RunsAsNobodyWithoutCapabilities) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become nobody";
  const CommandResult result =
      RunCommandAsNobody({"sh", "-c", "id -u; id -G; grep CapEff /proc/self/status"});
  EXPECT_EQ(result.out, "65534\n65534\nCapEff:\t0000000000000000\n");
  EXPECT_EQ(RunCommandAsNobody({"/bin/true"}).exit_code, 0);
  EXPECT_EQ(RunCommandAsNobody({"/no/such/program"}).exit_code, 127);
}

TEST(ChildProcessTest, StopsContinuesAndEnds) {
  ChildProcess cat({"sh", "-c", "echo first; echo second; cat"});
  EXPECT_EQ(cat.ReadLine(), "first");
  EXPECT_EQ(cat.ReadLine(), "second");
  cat.Stop();
  EXPECT_THAT(ReadFile("/proc/" + std::to_string(cat.pid()) + "/status"), HasSubstr("T (stopped)"));
  cat.Continue();
  cat.CloseInput();
  EXPECT_EQ(cat.Wait(), 0);
  EXPECT_THROW(cat.Continue(), Error);
}

TEST(ChildProcessTest, IsGoneAfterItsObjectEvenWhenStopped) {
  pid_t pid;
  {
    ChildProcess cat({"cat"});
    pid = cat.pid();
    cat.Stop();
  }
  EXPECT_FALSE(Exists("/proc/" + std::to_string(pid)));
}

TEST(SmapsOracleTest, AddsUpTheFiguresOfAMapping) {
  const auto entries = ParseSmapsText(
      "00400000-00402000 r-xp 00001000 fe:00 12   /a b (deleted)\n"
      "Rss:                   8 kB\nPss:                   5 kB\nPss_Dirty:   7 kB\n"
      "Private_Clean:         4 kB\nPrivate_Dirty:         2 kB\nSwap:  12 kB\nSwapPss:  11 kB\n"
      "Shared_Hugetlb:     2048 kB\nPrivate_Hugetlb:   4096 kB\nVmFlags: rd ex\n"
      "7f0000000000-7f0000001000 rw-s 00000000 00:00 0 \nRss:  1 kB\n");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].start, 0x400000u);
  EXPECT_EQ(entries[0].end, 0x402000u);
  EXPECT_EQ(entries[0].perms, "r-xp");
  EXPECT_EQ(entries[0].path, "/a b (deleted)");
  EXPECT_EQ(entries[0].rss_kib, 8u);
  EXPECT_EQ(entries[0].pss_kib, 5u);
  EXPECT_EQ(entries[0].uss_kib, 6u);
  EXPECT_EQ(entries[0].swap_kib, 12u);
  EXPECT_EQ(entries[0].hugetlb_kib, 6144u);
  EXPECT_EQ(entries[1].path, "");
  EXPECT_EQ(entries[1].rss_kib, 1u);
}

TEST(SmapsOracleTest, ReadsThisProcess) {
  const auto entries = ReadSmaps(getpid());
  EXPECT_TRUE(std::any_of(entries.begin(), entries.end(),
                          [](const SmapsEntry& entry) { return entry.path == "[stack]"; }));
  EXPECT_THROW(ReadSmaps(-1), Error);
}

TEST(UndoTest, ActsWhenTheProcessIsKilled) {
  std::string directory = "/tmp/undo-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    const Undo undo([&directory]() { return rmdir(directory.c_str()) == 0; });
    raise(SIGKILL);
  }
  waitpid(pid, nullptr, 0);
  for (int i = 0; i < 1000 && Exists(directory); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_FALSE(Exists(directory));
}

TEST(SwapFileTest, IsActiveOnlyWhileItLives) {
  std::string path;
  {
    const SwapFile swap;
    if (!swap.available()) GTEST_SKIP() << swap.reason();
    path = swap.path();
    EXPECT_THAT(ReadFile("/proc/swaps"), HasSubstr(path));
    Workload workload;
    const WorkloadRegion& region = workload.region("swapped");
    ASSERT_EQ(region.skipped, "");
    EXPECT_TRUE(std::any_of(region.words.begin(), region.words.end(),
                            [](uint64_t word) { return word >> 62 == 1; }));
    EXPECT_EQ(workload.End(), 0);
  }
  EXPECT_THAT(ReadFile("/proc/swaps"), Not(HasSubstr(path)));
  EXPECT_FALSE(Exists(path));
}

TEST(HugetlbPoolTest, RestoresTheOldCount) {
  const std::string path = "/proc/sys/vm/nr_hugepages";
  const std::string before = ReadFile(path);
  {
    const HugetlbPool pool(1);
    if (!pool.available()) GTEST_SKIP() << pool.reason();
    EXPECT_NE(ReadFile(path), before);
    Workload workload({"--no-fork"});
    EXPECT_EQ(workload.region("hugetlb").skipped, "");
    EXPECT_EQ(workload.region("hugetlb").words.size(), 512u);
    EXPECT_FALSE(workload.child_pid().has_value());
  }
  EXPECT_EQ(ReadFile(path), before);
}

TEST(MemoryCgroupTest, HoldsAProcessFromItsStart) {
  std::string directory;
  {
    const MemoryCgroup cgroup;
    if (!cgroup.available()) GTEST_SKIP() << cgroup.reason();
    directory = cgroup.directory();
    EXPECT_GT(cgroup.inode(), 0u);
    const Workload workload({}, directory);
    const std::string pid = std::to_string(workload.pid());
    EXPECT_THAT(ReadFile("/proc/" + pid + "/cgroup"), HasSubstr(cgroup.path() + "\n"));
    ChildProcess cat({"cat"});
    cgroup.Add(cat.pid());
    EXPECT_THAT(ReadFile(directory + "/cgroup.procs"), HasSubstr(std::to_string(cat.pid())));
  }
  EXPECT_FALSE(Exists(directory));
}

TEST(WorkloadTest, SaysWhatItHolds) {
  Workload workload;
  EXPECT_TRUE(workload.stable());
  EXPECT_EQ(workload.regions().front().name, "touched");
  EXPECT_EQ(workload.region("touched").words.size(), 16u);
  ASSERT_TRUE(workload.child_pid().has_value());
  const pid_t child_pid = *workload.child_pid();
  // The child has written pages 0-3, so that these have frames of their own.
  const auto& mine = workload.region("copied_on_write").words;
  const auto& copy = workload.region("copied_on_write", child_pid).words;
  ASSERT_EQ(mine.size(), 8u);
  ASSERT_EQ(copy.size(), 8u);
  if (workload.pfn_visible()) {
    for (size_t i = 0; i < 8; ++i) EXPECT_EQ(mine[i] == copy[i], i >= 4) << i;
  }
  EXPECT_THROW(static_cast<void>(workload.region("no such")), Error);
  workload.Stop();
  workload.Continue();
  EXPECT_EQ(workload.End(), 0);
  EXPECT_FALSE(Exists("/proc/" + std::to_string(child_pid)));
}

}  // namespace
}  // namespace pagesnap
