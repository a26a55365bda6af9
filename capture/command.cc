#include "capture/command.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <memory>

#include "capture/monotonic.h"
#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/base/unique_fd.h"

namespace pagesnap {
namespace {

// At their ends threads stop before they give up their memory (do_exit() in kernel/exit.c).
constexpr long kOptions = PTRACE_O_TRACEEXIT | PTRACE_O_TRACECLONE;
constexpr uint64_t kSigkillBit = uint64_t{1} << (SIGKILL - 1);

// Waits until it is traced, and becomes the program. Between fork() and exec() nothing allocates.
[[noreturn]] void Become(char* const* argv, int go, int failure) {
  char byte = 0;
  while (read(go, &byte, 1) < 0 && errno == EINTR) {
  }
  // What capture ignores, the program need not.
  for (const int number : {SIGPIPE, SIGXFSZ, SIGINT, SIGQUIT}) signal(number, SIG_DFL);
  execvp(argv[0], argv);
  const int error = errno;
  static_cast<void>(write(failure, &error, sizeof error) < 0);
  _exit(127);
}

std::pair<UniqueFd, UniqueFd> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw Error("pipe: " + ErrnoText(errno));
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// Interrupts waits after a time (EINTR).
void SetAlarm(int64_t nanoseconds) {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  sigaction(SIGALRM, &action, nullptr);
  constexpr int64_t kMicrosecond = 1000;
  constexpr int64_t kMicroseconds = 1'000'000;
  const int64_t us = nanoseconds <= 0 ? 0 : std::max<int64_t>(nanoseconds / kMicrosecond, 1);
  // Again and again, as the first may come before the wait.
  const itimerval timer = {.it_interval = {0, us > 0 ? 10'000 : 0},
                           .it_value = {us / kMicroseconds, us % kMicroseconds}};
  setitimer(ITIMER_REAL, &timer, nullptr);
}

// Returns whether a thread of /proc/PID/task will not run any more: it has ended, or is killed.
bool IsDoomed(pid_t pid, pid_t thread) {
  std::ifstream status(fmt::format("/proc/{}/task/{}/status", pid, thread));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("State:\t")) {
      const char state = line.back() == ')' ? line[7] : 'X';
      if (state == 'Z' || state == 'X') return true;
    }
    if (line.starts_with("SigPnd:\t")) {
      return (ParseUnsigned(line.substr(8), 16).value_or(0) & kSigkillBit) != 0;
    }
  }
  return true;  // it is gone
}

}  // namespace

Command::Command(const std::vector<std::string>& argv, std::optional<int64_t> at_ns) {
  std::vector<char*> pointers;
  for (const std::string& word : argv) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  auto [go_read, go_write] = MakePipe();
  auto [failure_read, failure_write] = MakePipe();
  const pid_t pid = fork();
  if (pid < 0) throw Error("fork: " + ErrnoText(errno));
  if (pid == 0) {
    close(go_write.Release());
    Become(pointers.data(), go_read.get(), failure_write.get());
  }
  failure_write.Reset();
  pid_ = pid;
  if (at_ns) {
    deadline_ns_ = MonotonicNow() + *at_ns;
  } else {
    Trace(pid);
  }
  go_write.Reset();
  int error = 0;
  ssize_t got = 0;
  while ((got = read(failure_read.get(), &error, sizeof error)) < 0 && errno == EINTR) {
  }
  if (got == sizeof error) {
    RunToEnd();
    throw UsageError(fmt::format("{} cannot be run: {}", argv[0], ErrnoText(error)));
  }
  // For the program alone, whose end is what we wait for.
  signal(SIGINT, SIG_IGN);
  signal(SIGQUIT, SIG_IGN);
}

void Command::Trace(pid_t pid) {
  if (ptrace(PTRACE_SEIZE, pid, nullptr, kOptions) == 0) return;
  const int error = errno;
  kill(pid, SIGKILL);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  throw Error(fmt::format("the program cannot be traced: {}", ErrnoText(error)));
}

// The end of a tracer lets its tracees run on.
Command::~Command() {
  if (standing_ > 0) ptrace(PTRACE_DETACH, standing_, nullptr, nullptr);
}

bool Command::RunUntilCapture() {
  if (deadline_ns_) SetAlarm(std::max<int64_t>(*deadline_ns_ - MonotonicNow(), 1));
  const Event event = Wait(/*until_deadline=*/deadline_ns_.has_value());
  SetAlarm(0);
  return event != Event::kEnded;
}

int Command::RunToEnd() {
  if (standing_ > 0) {
    ending_.insert(standing_);
    Continue(standing_, 0);
    standing_ = -1;
  }
  while (!ended_) {
    if (Wait(/*until_deadline=*/false) != Event::kLastThreadEnds) continue;
    ending_.insert(standing_);
    Continue(standing_, 0);
    standing_ = -1;
  }
  constexpr int kSignalBase = 128;  // as shells have it
  return WIFEXITED(*ended_) ? WEXITSTATUS(*ended_) : kSignalBase + WTERMSIG(*ended_);
}

Command::Event Command::Wait(bool until_deadline) {
  while (!ended_) {
    int status = 0;
    const pid_t thread = waitpid(-1, &status, __WALL);
    if (thread < 0 && errno != EINTR) throw Error("waitpid: " + ErrnoText(errno));
    if (thread > 0 && Handle(thread, status)) return Event::kLastThreadEnds;
    if (until_deadline && MonotonicNow() >= *deadline_ns_) return Event::kTime;
  }
  return Event::kEnded;
}

// Returns true when the last thread stands at its end.
bool Command::Handle(pid_t thread, int status) {
  if (!WIFSTOPPED(status)) {
    ending_.erase(thread);
    if (thread == pid_) ended_ = status;
    return false;
  }
  const int signal = WSTOPSIG(status);
  const int event = status >> 16;
  if (event == PTRACE_EVENT_EXIT) {
    if (IsLast(thread)) {
      standing_ = thread;
      return true;
    }
    ending_.insert(thread);
    Continue(thread, 0);
  } else if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
    ptrace(PTRACE_LISTEN, thread, nullptr, nullptr);  // it stays stopped, until SIGCONT
  } else {
    Continue(thread, event == 0 ? signal : 0);
  }
  return false;
}

// Whether no other thread of the process will run any more. When a process exits, or a signal ends
// it, the kernel kills its other threads first (zap_other_threads() in kernel/signal.c).
bool Command::IsLast(pid_t thread) const {
  const std::string folder = fmt::format("/proc/{}/task", pid_);
  const std::unique_ptr<DIR, int (*)(DIR*)> tasks(opendir(folder.c_str()), closedir);
  if (tasks == nullptr) return true;
  while (const dirent* entry = readdir(tasks.get())) {
    const auto other = static_cast<pid_t>(ParseUnsigned(entry->d_name).value_or(0));
    if (other == 0 || other == thread || ending_.contains(other)) continue;
    if (!IsDoomed(pid_, other)) return false;
  }
  return true;
}

void Command::Continue(pid_t thread, int signal) const {
  ptrace(PTRACE_CONT, thread, nullptr, static_cast<long>(signal));
}

}  // namespace pagesnap
