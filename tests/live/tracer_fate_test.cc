// Whatever becomes of capture and of the tracer itself, no process is stopped for longer than the
// limit.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <vector>

#include "lib/base/unique_fd.h"
#include "tests/live/tracer_testing.h"

namespace pagesnap {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

class TracerFateTest : public TracerTest {
 protected:
  // Runs `body` in a child, which has a freezer of its own with `limit`, and returns its pid once
  // `body` has called the function that it is given.
  static pid_t InChild(std::chrono::nanoseconds limit,
                       const std::function<void(PtraceFreezer&, std::function<void()>)>& body) {
    int ends[2];
    if (pipe(ends) != 0) return -1;
    const pid_t child = fork();
    if (child == 0) {
      const rlimit no_core = {0, 0};
      setrlimit(RLIMIT_CORE, &no_core);
      PtraceFreezer freezer("/", limit);
      body(freezer, [&] { static_cast<void>(!write(ends[1], "x", 1)); });
      _exit(0);
    }
    char byte;
    pollfd answer = {.fd = ends[0], .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&answer, 1, 20'000), 1) << "the child does not go on";
    if (answer.revents == 0 || read(ends[0], &byte, 1) != 1) kill(child, SIGKILL);
    close(ends[0]);
    close(ends[1]);
    return child;
  }
  static void End(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
};

TEST_F(TracerFateTest, TheLimit) {
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

TEST_F(TracerFateTest, TheTracerIsKilled) {
  const LifeTarget target("count", 1);
  Start(kLongLimit);
  ASSERT_EQ(Freeze(target.pid()).problem, "");
  kill(freezer_->tracer(), SIGKILL);
  EXPECT_TRUE(target.Runs());
  const Stop stop = Thaw(target.pid());
  EXPECT_THAT(stop.problem, HasSubstr("capture-tracer"));
  EXPECT_EQ(stop.stopped_ns, 0);
  EXPECT_TRUE(target.Runs());
  // The next snapshot has another one.
  EXPECT_EQ(Freeze(target.pid()).problem, "");
  EXPECT_EQ(StateOf(target.pid()), 't');
  EXPECT_EQ(Thaw(target.pid()).problem, "");
  EXPECT_TRUE(target.Runs());
}

TEST_F(TracerFateTest, TheTracersParentIsKilledOrStopped) {
  for (const int signal_number : {SIGKILL, SIGSTOP}) {
    const LifeTarget target("count", 1);
    Start(seconds(2));
    ASSERT_EQ(Freeze(target.pid()).problem, "");
    const pid_t tracer = freezer_->tracer();
    kill(freezer_->tracer_parent(), signal_number);
    if (signal_number == SIGSTOP) kill(tracer, SIGKILL);
    EXPECT_TRUE(target.Runs());
    EXPECT_THAT(Thaw(target.pid()).problem, HasSubstr("capture-forker"));
    EXPECT_THAT(Freeze(target.pid()).problem, HasSubstr("capture-forker"));
    Thaw(target.pid());
    EXPECT_TRUE(target.Runs());
    EXPECT_TRUE(Await([&] { return StateOf(tracer) == '-'; }));
  }
}

TEST_F(TracerFateTest, ATracerThatDoesNotAnswerIsKilled) {
  const LifeTarget target("count", 1);
  Start(milliseconds(200));
  ASSERT_EQ(Freeze(target.pid()).problem, "");
  kill(freezer_->tracer(), SIGSTOP);
  EXPECT_THAT(Thaw(target.pid()).problem, HasSubstr("capture-tracer"));
  EXPECT_TRUE(target.Runs());
  EXPECT_EQ(Freeze(target.pid()).problem, "");
}

TEST_F(TracerFateTest, CaptureIsStopped) {
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

TEST_F(TracerFateTest, CaptureIsKilled) {
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
TEST_F(TracerFateTest, SignalsForCaptureAreHeld) {
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

TEST_F(TracerFateTest, SignalsForTheTracersGroupDoNotReachIt) {
  const LifeTarget target("count", 1);
  Start(kLongLimit);
  for (const int signal_number : {SIGINT, SIGTERM, SIGTSTP, SIGHUP, SIGPIPE}) {
    kill(freezer_->tracer(), signal_number);
  }
  EXPECT_EQ(Freeze(target.pid()).problem, "");
  EXPECT_EQ(StateOf(target.pid()), 't');
  EXPECT_NE(getpgid(freezer_->tracer()), getpgid(0));
}

TEST_F(TracerFateTest, ItselfItsTracerAndItsAncestorsRunOn) {
  Start(kLongLimit);
  const std::vector<int32_t> pids = {getpid(), getppid(), freezer_->tracer(),
                                     freezer_->tracer_parent(), 1};
  for (const auto& [pid, stop] : freezer_->Freeze(pids)) {
    EXPECT_TRUE(stop.exempt) << pid;
    EXPECT_EQ(stop.problem, "");
    EXPECT_EQ(stop.stopped_ns, 0);
  }
}

TEST_F(TracerFateTest, TheTracerHoldsNoFileOfCapture) {
  const TemporaryDirectory directory;
  const UniqueFd file(open(directory.File("output").c_str(), O_RDWR | O_CREAT, 0600));
  ASSERT_TRUE(file.valid());
  Start(kLongLimit);
  const std::string folder = "/proc/" + std::to_string(freezer_->tracer());
  const LifeTarget target("count", 1);
  ASSERT_EQ(Freeze(target.pid()).problem, "");  // it has started up
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/fd")) {
    EXPECT_THAT(std::filesystem::read_symlink(entry).string(),
                testing::AnyOf("/", "/dev/null", HasSubstr("socket:"), HasSubstr("signalfd")));
  }
  EXPECT_EQ(ReadFileText(folder + "/comm"), "capture-tracer\n");
  EXPECT_THAT(ReadFileText(folder + "/cmdline"),
              testing::StartsWith(std::string("capture-tracer\0", 15)));
}

}  // namespace
}  // namespace pagesnap
