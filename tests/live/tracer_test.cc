// The tracer process: whatever targets do, and whatever becomes of capture and of the tracer
// itself, no process is stopped for longer than the limit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <sstream>
#include <thread>
#include <vector>

#include "capture/monotonic.h"
#include "capture/ptrace_freezer.h"
#include "tests/live/life_testing.h"

namespace pagesnap {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

// For tests in which the limit is not to pass, on a machine that is busy with others.
constexpr seconds kLongLimit(20);

// Returns the states of all threads of a process, one letter each.
std::string StatesOf(pid_t pid) {
  std::string states;
  const std::string folder = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(folder)) {
    const std::string stat = ReadFileText(task.path() / "stat");
    states += stat.at(stat.rfind(')') + 2);
  }
  return states;
}

double Seconds(int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

class TracerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "ptrace of other programs is for root alone";
  }
  PtraceFreezer& Start(std::chrono::nanoseconds limit) {
    freezer_.emplace("/", limit);
    return *freezer_;
  }
  Stop Freeze(pid_t pid) { return freezer_->Freeze(std::vector<int32_t>{pid}).at(pid); }
  Stop Thaw(pid_t pid) { return freezer_->Thaw().at(pid); }

  // Runs `body` in a child, which has a freezer of its own with `limit`, and returns its pid once
  // `body` has called the function that it is given.
  static pid_t InChild(std::chrono::nanoseconds limit,
                       const std::function<void(PtraceFreezer&, std::function<void()>)>& body) {
    int ends[2];
    if (pipe(ends) != 0) return -1;
    const pid_t child = fork();
    if (child == 0) {
      PtraceFreezer freezer("/", limit);
      body(freezer, [&] { static_cast<void>(!write(ends[1], "x", 1)); });
      _exit(0);
    }
    char byte;
    EXPECT_EQ(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    close(ends[1]);
    return child;
  }
  static void End(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }

  std::optional<PtraceFreezer> freezer_;
};

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

// PTRACE_SEIZE waits for the exec, which waits for zombies that only the tracer can reap. A tracer
// with one thread hangs within about 20 freezes.
TEST_F(TracerTest, ExecFromTheLastOfManyThreads) {
  const LifeTarget target("execlast", 100);
  Start(kLongLimit);
  for (int i = 0; i < 100; ++i) {
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

TEST_F(TracerTest, TheLimit) {
  const LifeTarget target("count", 1);
  const LifeTarget other("count", 1);
  Start(milliseconds(300));
  ASSERT_EQ(Freeze(target.pid()).problem, "");
  EXPECT_TRUE(target.Runs());
  EXPECT_THAT(Freeze(other.pid()).problem, HasSubstr("limit"));
  const Stop stop = Thaw(target.pid());
  EXPECT_EQ(stop.problem, "");
  EXPECT_GE(Seconds(stop.released_ns - stop.first_stop_ns), 0.29);
  EXPECT_LT(Seconds(stop.released_ns - stop.first_stop_ns), 1.3);
  // It is counted anew for the next snapshot.
  EXPECT_EQ(Freeze(other.pid()).problem, "");
}

// Each signal arrives once, whether it comes before, while or after the target stops.
TEST_F(TracerTest, NoSignalIsLostOrRepeated) {
  LifeTarget target("signals");
  Start(kLongLimit);
  constexpr int kRounds = 200;
  for (int i = 0; i < kRounds; ++i) {
    target.process().Signal(SIGRTMIN);
    ASSERT_EQ(Freeze(target.pid()).problem, "");
    target.process().Signal(SIGRTMIN);
    Thaw(target.pid());
  }
  EXPECT_TRUE(Await([&] { return target.count() == 2 * kRounds; })) << target.count();
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

TEST_F(TracerTest, TheTracerIsKilled) {
  const LifeTarget target("count", 1);
  Start(kLongLimit);
  ASSERT_EQ(Freeze(target.pid()).problem, "");
  kill(freezer_->tracer(), SIGKILL);
  EXPECT_TRUE(target.Runs());
  const Stop stop = Thaw(target.pid());
  EXPECT_THAT(stop.problem, HasSubstr("capture-tracer"));
  EXPECT_EQ(stop.stopped_ns, 0);
  EXPECT_THAT(Freeze(target.pid()).problem, HasSubstr("capture-tracer"));
  EXPECT_TRUE(target.Runs());
}

TEST_F(TracerTest, ATracerThatDoesNotAnswerIsKilled) {
  const LifeTarget target("count", 1);
  Start(milliseconds(200));
  ASSERT_EQ(Freeze(target.pid()).problem, "");
  kill(freezer_->tracer(), SIGSTOP);
  EXPECT_THAT(Thaw(target.pid()).problem, HasSubstr("capture-tracer"));
  EXPECT_TRUE(target.Runs());
}

TEST_F(TracerTest, CaptureIsStopped) {
  const LifeTarget target("count", 1);
  const pid_t child = InChild(milliseconds(300), [&](PtraceFreezer& freezer, auto ready) {
    freezer.Freeze(std::vector<int32_t>{target.pid()});
    ready();
    raise(SIGSTOP);
  });
  EXPECT_TRUE(Await([&] { return StateOf(child) == 'T'; }));
  EXPECT_TRUE(target.Runs());
  EXPECT_EQ(StateOf(child), 'T');
  End(child);
}

TEST_F(TracerTest, CaptureIsKilled) {
  const LifeTarget target("count", 1);
  pid_t tracer = -1;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = InChild(kLongLimit, [&](PtraceFreezer& freezer, auto ready) {
    freezer.Freeze(std::vector<int32_t>{target.pid()});
    const pid_t pid = freezer.tracer();
    static_cast<void>(!write(ends[1], &pid, sizeof pid));
    ready();
    for (;;) pause();
  });
  ASSERT_EQ(read(ends[0], &tracer, sizeof tracer), static_cast<ssize_t>(sizeof tracer));
  close(ends[0]);
  close(ends[1]);
  EXPECT_EQ(StateOf(target.pid()), 't');
  End(child);
  EXPECT_TRUE(target.Runs());
  EXPECT_TRUE(Await([&] { return StateOf(tracer) == '-' || StateOf(tracer) == 'Z'; }));
}

// Ctrl-Z: capture stops once the targets run.
TEST_F(TracerTest, SignalsForCaptureAreHeld) {
  const LifeTarget target("count", 1);
  for (const int signal_number : {SIGTSTP, SIGTTIN, SIGTTOU}) {
    // A process group without a parent in its session is not stopped by these (signal(7)), so the
    // child stays in ours.
    const pid_t child = InChild(kLongLimit, [&](PtraceFreezer& freezer, auto ready) {
      freezer.Freeze(std::vector<int32_t>{target.pid()});
      kill(getpid(), signal_number);
      ready();  // so it goes on
      freezer.Thaw();
    });
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, WUNTRACED), child);
    EXPECT_TRUE(target.Runs());
    if (WIFSTOPPED(status)) {
      EXPECT_EQ(WSTOPSIG(status), signal_number);
      kill(child, SIGCONT);
      End(child);
    } else {
      // Nobody would continue it: the kernel ignores the signal.
      EXPECT_EQ(WEXITSTATUS(status), 0);
    }
  }
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    const pid_t child = InChild(kLongLimit, [&](PtraceFreezer& freezer, auto ready) {
      freezer.Freeze(std::vector<int32_t>{target.pid()});
      kill(getpid(), signal_number);
      ready();
      freezer.Thaw();
      for (;;) pause();
    });
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(WTERMSIG(status), signal_number);
    EXPECT_TRUE(target.Runs());
  }
}

TEST_F(TracerTest, SignalsForTheTracersGroupDoNotReachIt) {
  const LifeTarget target("count", 1);
  Start(kLongLimit);
  for (const int signal_number : {SIGINT, SIGTERM, SIGTSTP, SIGHUP, SIGPIPE}) {
    kill(freezer_->tracer(), signal_number);
  }
  EXPECT_EQ(Freeze(target.pid()).problem, "");
  EXPECT_EQ(StateOf(target.pid()), 't');
  EXPECT_NE(getpgid(freezer_->tracer()), getpgid(0));
}

TEST_F(TracerTest, ItselfItsTracerAndItsAncestorsRunOn) {
  Start(kLongLimit);
  const std::vector<int32_t> pids = {getpid(), getppid(), freezer_->tracer(), 1};
  for (const auto& [pid, stop] : freezer_->Freeze(pids)) {
    EXPECT_TRUE(stop.exempt) << pid;
    EXPECT_EQ(stop.problem, "");
    EXPECT_EQ(stop.stopped_ns, 0);
  }
}

TEST_F(TracerTest, TheTracerHoldsNoFileOfCapture) {
  Start(kLongLimit);
  const std::string folder = "/proc/" + std::to_string(freezer_->tracer());
  const LifeTarget target("count", 1);
  ASSERT_EQ(Freeze(target.pid()).problem, "");  // it has started up
  for (const auto& file : std::filesystem::directory_iterator(folder + "/fd")) {
    EXPECT_THAT(std::filesystem::read_symlink(file).string(),
                testing::AnyOf("/", "/dev/null", HasSubstr("socket:"), HasSubstr("signalfd")));
  }
  EXPECT_EQ(ReadFileText(folder + "/comm"), "capture-tracer\n");
  EXPECT_THAT(ReadFileText(folder + "/cmdline"),
              testing::StartsWith(std::string("capture-tracer\0", 15)));
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
