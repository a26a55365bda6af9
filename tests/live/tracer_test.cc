// The tracer process: whatever targets do, they stop all at once, or are said not to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>
#include <vector>

#include "capture/monotonic.h"
#include "tests/live/tracer_testing.h"

namespace pagesnap {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

// Returns the states of all threads of a process, one letter each.
std::string StatesOf(pid_t pid) {
  std::string states;
  const std::string folder = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(folder)) {
    const std::string stat = ReadFileText(task.path() / "stat");
    const size_t close = stat.rfind(')');
    states += close == std::string::npos ? '-' : stat.at(close + 2);
  }
  return states;
}

TEST_F(TracerTest, AllThreadsStandStillAndRunOnAfterwards) {
  const LifeTarget target("idle", 50);
  Start(kLongLimit);
  const int64_t before = MonotonicNow();
  const Stop stop = Freeze(target.pid());
  const int64_t after = MonotonicNow();
  EXPECT_EQ(StatesOf(target.pid()), std::string(51, 't'));
  EXPECT_EQ(stop.problem, "");
  EXPECT_LE(before, stop.first_stop_ns);
  EXPECT_LE(stop.first_stop_ns, stop.stopped_ns);
  EXPECT_LE(stop.stopped_ns, after);
  EXPECT_EQ(stop.released_ns, 0);
  const Stop whole = Thaw(target.pid());
  EXPECT_EQ(whole.stopped_ns, stop.stopped_ns);
  EXPECT_LE(after, whole.released_ns);
  EXPECT_LE(whole.released_ns, MonotonicNow());
  EXPECT_FALSE(whole.ended);
  EXPECT_TRUE(target.Runs());
}

TEST_F(TracerTest, ThreadsThatComeAndGo) {
  const LifeTarget target("threads");
  Start(kLongLimit);
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(Freeze(target.pid()).problem, "");
    const uint64_t count = target.count();
    std::this_thread::sleep_for(milliseconds(2));
    ASSERT_EQ(target.count(), count);
    Thaw(target.pid());
  }
  EXPECT_TRUE(target.Runs());
}

TEST_F(TracerTest, NoNewThreadIsMissed) {
  const LifeTarget target("spawn");
  Start(kLongLimit);
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(Freeze(target.pid()).problem, "");
    const std::string states = StatesOf(target.pid());
    ASSERT_EQ(states, std::string(states.size(), 't'));
    Thaw(target.pid());
  }
  EXPECT_TRUE(target.Runs());
}

TEST_F(TracerTest, ALimitThatIsTooShortIsNamed) {
  const LifeTarget target("idle", 400);
  Start(milliseconds(1));
  const Stop stop = Freeze(target.pid());
  EXPECT_EQ(Thaw(target.pid()).problem, stop.problem);
  if (stop.problem.empty()) GTEST_SKIP() << "this machine stopped them in time";
  EXPECT_THAT(stop.problem, HasSubstr("the limit of 0.001 s was too short for all 401 threads"));
  EXPECT_TRUE(target.Runs());
}

// PTRACE_SEIZE waits for the exec, which waits for zombies that only the tracer can reap. A tracer
// with one thread hangs within about 20 freezes.
TEST_F(TracerTest, ExecFromTheLastOfManyThreads) {
  const LifeTarget target("execlast", 100);
  Start(kLongLimit);
  for (int i = 0; i < 200; ++i) {
    const Stop stop = Freeze(target.pid());
    ASSERT_EQ(stop.problem, "") << i;
    ASSERT_FALSE(stop.ended) << i;
    const uint64_t count = target.count();
    const std::string states = StatesOf(target.pid());
    ASSERT_EQ(states, std::string(states.size(), 't')) << i;
    ASSERT_EQ(target.count(), count);
    Thaw(target.pid());
  }
  EXPECT_TRUE(target.Runs());
}

TEST_F(TracerTest, ManyUninterruptibleSleepsCostOnePatience) {
  std::vector<std::unique_ptr<LifeTarget>> targets;
  std::vector<int32_t> pids;
  for (int i = 0; i < 20; ++i) {
    targets.push_back(std::make_unique<LifeTarget>("vfork", 5000));
    pids.push_back(targets.back()->pid());
    ASSERT_TRUE(Await([&] { return StateOf(pids.back()) == 'D'; }));
  }
  const LifeTarget bystander("count", 1);
  pids.push_back(bystander.pid());
  Start(seconds(2));
  const auto stops = freezer_->Freeze(pids);
  for (const auto& target : targets) {
    EXPECT_THAT(stops.at(target->pid()).problem, HasSubstr("uninterruptible sleep"));
    EXPECT_EQ(stops.at(target->pid()).stopped_ns, 0);
  }
  const Stop stop = Thaw(bystander.pid());
  EXPECT_EQ(stop.problem, "");
  EXPECT_LT(Seconds(stop.released_ns - stop.first_stop_ns), 1.0);  // 20 patiences: 4 s
  EXPECT_TRUE(bystander.Runs());
}

TEST_F(TracerTest, OneThatIsBusyInTheKernelCostsTheOthersOnePatience) {
  const LifeTarget busy("populate", 3);
  const LifeTarget bystander("count", 1);
  ASSERT_TRUE(Await([&] { return StateOf(busy.pid()) == 'R'; }));
  Start(seconds(4));
  const std::vector<int32_t> pids = {busy.pid(), bystander.pid()};
  const auto stops = freezer_->Freeze(pids);
  if (stops.at(busy.pid()).problem.empty()) GTEST_SKIP() << "it had a moment in its program";
  EXPECT_THAT(stops.at(busy.pid()).problem, HasSubstr("inside the kernel"));
  const Stop stop = Thaw(bystander.pid());
  EXPECT_EQ(stop.problem, "");
  EXPECT_LT(Seconds(stop.released_ns - stop.first_stop_ns), 1.0);  // half of the limit: 2 s
  EXPECT_TRUE(bystander.Runs());
  const uint64_t rounds = busy.count();
  // A round takes longer where other tests run.
  EXPECT_TRUE(Await([&] { return busy.count() > rounds; }, std::chrono::minutes(1)));
}

// A folder of the version 1 freezer; what is in it runs on at its end.
class FrozenCgroup {
 public:
  FrozenCgroup() : path_("/sys/fs/cgroup/freezer/pagesnap-test-" + std::to_string(getpid())) {
    std::error_code error;
    made_ = std::filesystem::create_directory(path_, error);
  }
  ~FrozenCgroup() {
    if (!made_) return;
    Write("freezer.state", "THAWED");
    for (std::istringstream pids(ReadFileText(path_ + "/cgroup.procs"));
         std::getline(pids, pid_);) {
      std::ofstream("/sys/fs/cgroup/freezer/cgroup.procs") << pid_ << std::flush;
    }
    std::error_code error;
    std::filesystem::remove(path_, error);
  }
  FrozenCgroup(const FrozenCgroup&) = delete;
  FrozenCgroup& operator=(const FrozenCgroup&) = delete;
  [[nodiscard]] bool made() const { return made_; }
  void Add(pid_t pid) { Write("cgroup.procs", std::to_string(pid)); }
  bool Freeze() {
    Write("freezer.state", "FROZEN");
    return Await([&] { return ReadFileText(path_ + "/freezer.state") == "FROZEN\n"; });
  }

 private:
  void Write(const std::string& file, const std::string& text) {
    std::ofstream(path_ + "/" + file) << text << std::flush;
  }

  std::string path_;
  std::string pid_;
  bool made_ = false;
};

// PTRACE_SEIZE of such a process waits until it enters a trap, which it does when it is thawed.
TEST_F(TracerTest, StoppedProcessesInAFrozenCgroupCostOnlyThemselves) {
  std::vector<std::unique_ptr<LifeTarget>> held;
  std::vector<int32_t> pids;
  FrozenCgroup cgroup;
  if (!cgroup.made()) GTEST_SKIP() << "no version 1 freezer here";
  const LifeTarget bystander("count", 1);
  LifeTarget stopped("count", 1);
  stopped.process().Stop();
  for (int i = 0; i < 4; ++i) {
    held.push_back(std::make_unique<LifeTarget>("count", 1));
    held.back()->process().Stop();
    cgroup.Add(held.back()->pid());
    pids.push_back(held.back()->pid());
  }
  pids.insert(pids.end(), {bystander.pid(), stopped.pid()});
  ASSERT_TRUE(cgroup.Freeze());
  Start(seconds(4));
  for (int snapshot = 0; snapshot < 2; ++snapshot) {
    const auto stops = freezer_->Freeze(pids);
    for (const auto& target : held) {
      EXPECT_THAT(stops.at(target->pid()).problem, HasSubstr("a cgroup that is frozen"));
    }
    EXPECT_EQ(stops.at(bystander.pid()).problem, "");
    EXPECT_EQ(StateOf(bystander.pid()), 't');
    const Stop stop = Thaw(bystander.pid());
    EXPECT_EQ(stop.problem, "");
    EXPECT_LT(Seconds(stop.released_ns - stop.first_stop_ns), 1.0);
    EXPECT_TRUE(bystander.Runs());
  }
}

TEST_F(TracerTest, AThreadThatDidNotStopRunsOnAsSoonAsItWakes) {
  const LifeTarget target("vfork", 1000);
  ASSERT_TRUE(Await([&] { return StateOf(target.pid()) == 'D'; }));
  Start(seconds(2));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Freeze(target.pid()).problem, HasSubstr("uninterruptible sleep"));
    Thaw(target.pid());
  }
  // It is still traced, and its trap is pending. The freezer does nothing more for this snapshot.
  const uint64_t before = target.count();
  EXPECT_TRUE(Await([&] { return target.count() > before + 1; }));
  EXPECT_THAT(ReadFileText("/proc/" + target.pid_text() + "/status"), HasSubstr("TracerPid:\t0\n"));
}

TEST_F(TracerTest, AKilledTargetIsReapedAtOnce) {
  Start(kLongLimit);
  LifeTarget target("idle", 100);
  ASSERT_EQ(Freeze(target.pid()).problem, "");
  const auto start = std::chrono::steady_clock::now();
  target.process().Signal(SIGKILL);
  EXPECT_EQ(target.process().Wait(), 128 + SIGKILL);
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(2));  // the limit is 20 s
  const Stop stop = Thaw(target.pid());
  EXPECT_TRUE(stop.ended);
  EXPECT_LE(stop.stopped_ns, stop.released_ns);
  EXPECT_EQ(stop.problem, "");
}

TEST_F(TracerTest, AProcessThatHasEnded) {
  Start(kLongLimit);
  LifeTarget target("count", 1);
  target.process().Signal(SIGKILL);
  ASSERT_TRUE(Await([&] { return StateOf(target.pid()) == 'Z'; }));
  Stop stop = Freeze(target.pid());
  EXPECT_TRUE(stop.ended);
  EXPECT_EQ(stop.problem, "");
  freezer_->Thaw();
  target.process().Wait();
  stop = Freeze(target.pid());
  EXPECT_TRUE(stop.ended);
  EXPECT_EQ(stop.problem, "");
}

// Each signal arrives once, whether it comes before, while or after the target stops.
TEST_F(TracerTest, NoSignalIsLostOrRepeated) {
  LifeTarget target("signals");
  Start(kLongLimit);
  std::atomic<bool> done = false;
  uint64_t sent = 0;
  std::thread sender([&] {
    // So many may wait in a queue while the target is stopped (RLIMIT_SIGPENDING).
    for (; !done; std::this_thread::sleep_for(std::chrono::microseconds(20))) {
      if (sent - target.count() > 1000) continue;
      target.process().Signal(SIGRTMIN);
      ++sent;
    }
  });
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(Freeze(target.pid()).problem, "");
    Thaw(target.pid());
  }
  done = true;
  sender.join();
  EXPECT_TRUE(Await([&] { return target.count() >= sent; })) << target.count() << " of " << sent;
  EXPECT_EQ(target.count(), sent);
}

TEST_F(TracerTest, AStoppedTargetThatIsContinuedMeanwhile) {
  LifeTarget target("count", 1);
  target.process().Stop();
  Start(kLongLimit);
  ASSERT_EQ(Freeze(target.pid()).problem, "");
  target.process().Continue();
  const uint64_t before = target.count();
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(target.count(), before);
  Thaw(target.pid());
  EXPECT_TRUE(target.Runs());
}

TEST_F(TracerTest, ThousandsOfThreads) {
  const LifeTarget target("idle", 2000);
  Start(kLongLimit);
  const Stop stop = Freeze(target.pid());
  EXPECT_EQ(stop.problem, "");
  EXPECT_EQ(StatesOf(target.pid()), std::string(2001, 't'));
  Thaw(target.pid());
  EXPECT_TRUE(target.Runs());
}

TEST_F(TracerTest, AThousandProcesses) {
  const LifeTarget target("crowd", 1000);
  std::istringstream said(target.said());
  std::vector<int32_t> pids = {target.pid()};
  for (int32_t pid; said >> pid;) pids.push_back(pid);
  ASSERT_EQ(pids.size(), 1001u);
  Start(kLongLimit);
  for (const auto& [pid, stop] : freezer_->Freeze(pids)) ASSERT_EQ(stop.problem, "") << pid;
  for (const int32_t pid : pids) ASSERT_EQ(StateOf(pid), 't');
  for (const auto& [pid, stop] : freezer_->Thaw()) ASSERT_NE(stop.released_ns, 0) << pid;
  for (const int32_t pid : pids) ASSERT_NE(StateOf(pid), 't');
  EXPECT_TRUE(target.Runs());
}

// More than a socket holds: the request and the answer.
TEST_F(TracerTest, AHundredThousandPids) {
  Start(kLongLimit);
  std::vector<int32_t> pids;
  for (int32_t pid = 0; pid < 100'000; ++pid) pids.push_back((1 << 22) - 1 - pid);
  const auto stops = freezer_->Freeze(pids);
  EXPECT_EQ(stops.size(), pids.size());
  EXPECT_EQ(freezer_->Thaw().size(), pids.size());
}

}  // namespace
}  // namespace pagesnap
