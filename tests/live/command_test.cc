// The two programs as a user meets them: what can be selected, what is said, what is left behind.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

using Json = nlohmann::json;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Flag PF_KTHREAD, in field 9 of stat.
bool IsKernelThread(pid_t pid) {
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  std::string field;
  for (int i = 0; i < 9; ++i) stat >> field;
  constexpr unsigned long kKernelThread = 0x00200000;
  return stat && (std::stoul(field) & kKernelThread) != 0;
}

// Returns a pid that no process has: the kernel gives none above pid_max.
std::string UnusedPid() {
  std::ifstream file("/proc/sys/kernel/pid_max");
  uint64_t highest = 0;
  file >> highest;
  return std::to_string(highest + 1);
}

TEST(LiveCommandTest, NoSuchPidIsAFailureAndNoFile) {
  const TemporaryDirectory directory;
  const CommandResult result = RunCapture({"-p", UnusedPid(), "-o", directory.File("a.pagesnap")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr(UnusedPid()));
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(directory.Names(), IsEmpty());
}

TEST(LiveCommandTest, WrongCommandLinesAreTold) {
  EXPECT_EQ(RunCapture({}).exit_code, 2);
  EXPECT_EQ(RunCapture({"-p", "x", "-o", "never-written"}).exit_code, 2);
  EXPECT_EQ(RunAnalyze({}).exit_code, 2);
  EXPECT_EQ(RunAnalyze({"no-such-report", "file"}).exit_code, 2);
  EXPECT_EQ(RunCapture({"--help"}).exit_code, 0);
  EXPECT_EQ(RunAnalyze({"--help"}).exit_code, 0);
  EXPECT_EQ(RunAnalyze({"list"}).exit_code, 0);
}

TEST(LiveCommandTest, KernelThreadHasNoMemory) {
  if (geteuid() != 0) GTEST_SKIP() << "PFNs are for root alone";
  if (!IsKernelThread(2)) GTEST_SKIP() << "process 2 is no kernel thread here";
  const TemporaryDirectory directory;
  const std::string file = directory.File("kernel.pagesnap");
  ASSERT_EQ(RunCapture({"-p", "2", "-o", file}).exit_code, 0);
  const Json processes = AnalyzeRows({"processes", file});
  ASSERT_EQ(processes.size(), 1u);
  EXPECT_EQ(processes[0].at("pid"), 2);
  EXPECT_EQ(processes[0].at("mapping_count"), 0);
  for (const char* name :
       {"virtual_kib", "rss_kib", "pss_kib", "uss_kib", "swap_kib", "hugetlb_kib", "kernel_rss_kib",
        "kernel_pss_kib", "kernel_uss_kib", "kernel_swap_kib"}) {
    EXPECT_EQ(processes[0].at(name), 0) << name;
  }
  EXPECT_EQ(AnalyzeRows({"maps", file}).size(), 0u);
  EXPECT_EQ(AnalyzeRows({"sql", file, "SELECT * FROM gap"}).size(), 0u);
  EXPECT_EQ(RunAnalyze({"check", file}).exit_code, 0);
}

TEST(LiveCommandTest, SelectsByName) {
  if (geteuid() != 0) GTEST_SKIP() << "other processes' memory is for root alone";
  const TemporaryDirectory directory;
  const std::string file = directory.File("name.pagesnap");
  const Workload workload;
  const CommandResult result = RunCapture({"-n", "workload", "-o", file});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr(file));
  std::vector<pid_t> pids;
  for (const Json& row : AnalyzeRows({"processes", file})) {
    EXPECT_EQ(row.at("name"), "workload");
    pids.push_back(row.at("pid"));
  }
  EXPECT_THAT(pids, Contains(workload.pid()));
  EXPECT_THAT(pids, Contains(*workload.child_pid()));
}

TEST(LiveCommandTest, StockSqliteReadsTheFile) {
  if (RunCommand({"sh", "-c", "command -v sqlite3"}).exit_code != 0) {
    GTEST_SKIP() << "sqlite3 is not installed";
  }
  const TemporaryDirectory directory;
  const std::string file = directory.File("stock.pagesnap");
  const pid_t self = getpid();
  ASSERT_THAT(RunCapture({"-p", std::to_string(self), "-o", file}).exit_code, AnyOf(0, 3));
  const CommandResult result = RunCommand({"sqlite3", file, "SELECT name, pid FROM process"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, fmt::format("live_test|{}\n", self));
  EXPECT_EQ(RunCommand({"sqlite3", file, "PRAGMA integrity_check"}).out, "ok\n");
}

TEST(LiveCommandTest, CapturesAllProcessesTwiceAtTheSameTime) {
  if (geteuid() != 0) GTEST_SKIP() << "other processes' memory is for root alone";
  const TemporaryDirectory directory;
  const std::string first_file = directory.File("first.pagesnap");
  const std::string second_file = directory.File("second.pagesnap");
  const Workload workload;
  ChildProcess first({BuiltProgram("capture"), "-a", "-q", "-o", first_file});
  ChildProcess second({BuiltProgram("capture"), "-a", "--frames", "all", "-q", "-o", second_file});
  EXPECT_THAT(first.Wait(), AnyOf(0, 3));
  EXPECT_THAT(second.Wait(), AnyOf(0, 3));
  for (const std::string& file : {first_file, second_file}) {
    const Json rows = AnalyzeRows({"processes", file, "--pid", std::to_string(workload.pid())});
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_GT(rows[0].at("rss_kib").get<uint64_t>(), 1000u);
    // Live processes may differ from smaps; the file itself must be sound.
    EXPECT_THAT(RunAnalyze({"check", file}).exit_code, AnyOf(0, 3));
  }
}

TEST(LiveCommandTest, LeavesNothingBehindWhenKilled) {
  if (geteuid() != 0) GTEST_SKIP() << "other processes' memory is for root alone";
  const TemporaryDirectory directory;
  const Workload workload({"--mib", "128"});
  int killed_count = 0;
  for (const int delay_ms : {2, 5, 10, 20, 40, 80}) {
    SCOPED_TRACE(delay_ms);
    const std::string file = directory.File("killed.pagesnap");
    ChildProcess capture({BuiltProgram("capture"), "-a", "-q", "-o", file});
    std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    capture.Signal(SIGKILL);
    const int exit_code = capture.Wait();
    if (exit_code != 128 + SIGKILL) break;  // it was faster: so it is with longer delays
    ++killed_count;
    // It may have been past its last step: then the file is there and whole.
    if (directory.Names() == std::vector<std::string>{"killed.pagesnap"}) {
      EXPECT_THAT(RunAnalyze({"check", file}).exit_code, AnyOf(0, 3));
      break;
    }
    EXPECT_THAT(directory.Names(), IsEmpty());
  }
  EXPECT_GT(killed_count, 1);
}

TEST(LiveCommandTest, ExistingFileIsKeptUnlessForced) {
  const TemporaryDirectory directory;
  const std::string file = directory.File("kept.pagesnap");
  std::ofstream(file) << "precious";
  const std::string self = std::to_string(getpid());
  const CommandResult refused = RunCapture({"-p", self, "-o", file});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("--force"));
  std::string content;
  std::getline(std::ifstream(file), content);
  EXPECT_EQ(content, "precious");
  EXPECT_THAT(RunCapture({"-p", self, "-o", file, "--force"}).exit_code, AnyOf(0, 3));
  EXPECT_EQ(AnalyzeRows({"processes", file}).size(), 1u);
}

}  // namespace
}  // namespace pagesnap
