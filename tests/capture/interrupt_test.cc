// What signals do once they are caught, in a process of their own.
#include "capture/interrupt.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>

#include "capture/interrupt_watch.h"
#include "lib/base/unique_fd.h"
#include "tests/support/captured_snapshot.h"

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

// The thread that the signal is for does not come back from a read: here it blocks the signal, and
// a FIFO where nothing comes stands for a file of /proc, or of a file system that does not answer.
// Returns the exit code, and in `message` what the process said.
int EndOfRead(const std::string& file, bool published, std::string* message) {
  EXPECT_EQ(mkfifo(file.c_str(), 0600), 0);
  int err[2];
  EXPECT_EQ(pipe2(err, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(err[1], STDERR_FILENO);
    const std::atomic<bool>& interrupted = CatchInterrupts();
    InterruptWatch watch(interrupted, 0, "a.pagesnap");
    if (published) watch.SetPublished();
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    kill(getpid(), SIGTERM);
    const int fd = open(file.c_str(), O_RDWR);
    char byte;
    static_cast<void>(!read(fd, &byte, 1));
    _exit(42);
  }
  const UniqueFd source(err[0]);
  close(err[1]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  message->resize(4096);
  const ssize_t size = read(source.get(), message->data(), message->size());
  message->resize(size > 0 ? static_cast<size_t>(size) : 0);
  unlink(file.c_str());
  return WEXITSTATUS(status);
}

TEST(InterruptTest, AReadThatDoesNotEndEndsTheProcess) {
  const TestFolder folder;
  std::filesystem::create_directories(folder.File("proc/123"));
  const std::string file = folder.File("proc/123/maps");
  for (const bool published : {false, true}) {
    std::string message;
    EXPECT_EQ(EndOfRead(file, published, &message), published ? 3 : 1);
    EXPECT_EQ(
        message,
        fmt::format(
            "capture: interrupted; the read of {} does not end, because that process "
            "keeps the lock on its memory, or its execve does not end: leave it out; {}\n",
            file,
            published ? "the file has all snapshots that were complete" : "nothing was written"));
  }
}

TEST(InterruptTest, AnOutputThatDoesNotAnswerEndsTheProcess) {
  const TestFolder folder;
  for (const bool published : {false, true}) {
    std::string message;
    EXPECT_EQ(EndOfRead(folder.File("#1"), published, &message), published ? 3 : 1);
    EXPECT_EQ(message, fmt::format("capture: interrupted; the file system of a.pagesnap does not "
                                   "answer; {}\n",
                                   published ? "the file has all snapshots that were complete"
                                             : "no incomplete file has this name"));
  }
}

TEST(InterruptTest, FilesOfCalls) {
  const UniqueFd file(open("/proc/version", O_RDONLY | O_CLOEXEC));
  const std::string path = "proc/1/maps";
  EXPECT_EQ(FileOfCall(fmt::format("{} {:#x} 0x1 0x2 0x0 0x0 0x0 0x1 0x2", SYS_read, file.get())),
            "/proc/version");
  EXPECT_EQ(FileOfCall(fmt::format("{} {:#x} {:#x} 0x0", SYS_openat, file.get(),
                                   reinterpret_cast<uintptr_t>(path.c_str()))),
            path);
  EXPECT_EQ(FileOfCall(fmt::format("{} {:#x} 0x1 0x0", SYS_openat, file.get())), "/proc/version");
  EXPECT_EQ(FileOfCall(fmt::format("{} {:#x} 0x1 0x2", SYS_fsync, file.get())), "/proc/version");
  EXPECT_EQ(FileOfCall(fmt::format("{} 0x1 0x2 {:#x} {:#x}", SYS_linkat, file.get(),
                                   reinterpret_cast<uintptr_t>(path.c_str()))),
            path);
  EXPECT_EQ(FileOfCall(fmt::format("{} {:#x} 0x1 0x2", SYS_poll, file.get())), "");
  EXPECT_EQ(FileOfCall("running"), "");
  EXPECT_EQ(FileOfCall("-1 0x7ffd 0x7f12"), "");
}

TEST(InterruptTest, CallsForTheOutput) {
  const std::string write = fmt::format("{} 0x3 0x1 0x2", SYS_write);
  for (const char* file : {"/mnt/a.pagesnap", "/mnt/#7 (deleted)", "a.pagesnap"}) {
    EXPECT_TRUE(IsForOutput(write, file)) << file;
  }
  for (const char* file : {"", "pipe:[7]", "socket:[7]", "/dev/pts/0", "proc/1/maps", "/sys/x"}) {
    EXPECT_FALSE(IsForOutput(write, file)) << file;
  }
  for (const long number : {SYS_recvmsg, SYS_wait4}) {
    EXPECT_TRUE(IsForOutput(fmt::format("{} 0x3 0x1 0x2", number), ""));
  }
}

}  // namespace
}  // namespace pagesnap
