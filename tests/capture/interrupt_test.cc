// What signals do once they are caught, in a process of their own.
#include "capture/interrupt.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "lib/base/unique_fd.h"

namespace pagesnap {
namespace {

constexpr int kInterrupted = 42;  // exit code: the flag was set and the wait ended with EINTR

// Waits on a pipe where nothing comes until a signal ends that; or, with `patient`, says when the
// flag is set, and goes on.
class WaitingProcess {
 public:
  explicit WaitingProcess(bool patient) {
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const std::atomic<bool>& interrupted = CatchInterrupts();
      char byte = 'x';
      if (write(ready[1], &byte, 1) != 1) _exit(1);
      int nothing[2];
      if (pipe(nothing) != 0) _exit(1);
      while (!patient) {
        if (read(nothing[0], &byte, 1) < 0 && errno == EINTR && interrupted) _exit(kInterrupted);
      }
      while (!interrupted) poll(nullptr, 0, 5);
      if (write(ready[1], &byte, 1) != 1) _exit(1);
      for (;;) pause();
    }
    ready_.Reset(ready[0]);
    close(ready[1]);
    AwaitByte();
  }

  // Waits until it has caught the signals, or says that the flag is set.
  void AwaitByte() const {
    char byte;
    EXPECT_EQ(read(ready_.get(), &byte, 1), 1);
  }
  void Signal(int number) const { kill(pid_, number); }
  int WaitStatus() const {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    return status;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
  UniqueFd ready_;
};

TEST(InterruptTest, ASignalEndsAWait) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    const WaitingProcess process(/*patient=*/false);
    // It may be on its way to the wait yet, and is asked until it has ended.
    siginfo_t ended = {};
    while (ended.si_pid == 0) {
      process.Signal(number);
      poll(nullptr, 0, 5);
      ASSERT_EQ(waitid(P_PID, process.pid(), &ended, WEXITED | WNOWAIT | WNOHANG), 0);
    }
    const int status = process.WaitStatus();
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), kInterrupted);
  }
}

TEST(InterruptTest, AskedAgainLaterItEndsAtOnce) {
  const WaitingProcess process(/*patient=*/true);
  process.Signal(SIGTERM);
  process.AwaitByte();
  process.Signal(SIGTERM);  // at once, as timeout(1) does: the same question
  poll(nullptr, 0, 1100);
  EXPECT_EQ(waitpid(process.pid(), nullptr, WNOHANG), 0);
  process.Signal(SIGTERM);
  const int status = process.WaitStatus();
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
}

}  // namespace
}  // namespace pagesnap
