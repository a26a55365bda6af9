#include "tests/bench/bench_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <exception>

namespace pagesnap {
namespace {

// The life of a target, in the child.
[[noreturn]] void Serve(int channel, const std::function<void()>& prepare,
                        const std::function<void()>& on_command,
                        const std::function<void()>& forever) {
  try {
    prepare();
    char byte = 0;
    if (write(channel, &byte, 1) != 1) _exit(1);
    if (forever) forever();
    while (read(channel, &byte, 1) == 1) {
      if (on_command) on_command();
      if (write(channel, &byte, 1) != 1) _exit(1);
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "target: {}\n", error.what());
    _exit(1);
  }
  _exit(0);
}

}  // namespace

pid_t ForkTied() {
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid < 0) throw Error("fork: " + ErrnoText(errno));
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  return 0;
}

Target::Target(const std::function<void()>& prepare, const std::function<void()>& on_command,
               const std::function<void()>& forever) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw Error("socketpair: " + ErrnoText(errno));
  }
  channel_.Reset(ends[0]);
  UniqueFd other(ends[1]);
  pid_ = ForkTied();
  if (pid_ == 0) {
    channel_.Reset();
    Serve(other.get(), prepare, on_command, forever);
  }
  other.Reset();
  try {
    WaitForAnswer();
  } catch (const Error&) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    throw;
  }
}

Target::~Target() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Target::Command() {
  char byte = 0;
  if (write(channel_.get(), &byte, 1) != 1) throw Error("a target is gone");
  WaitForAnswer();
}

void Target::WaitForAnswer() {
  char byte = 0;
  if (read(channel_.get(), &byte, 1) != 1) throw Error("a target could not be made ready");
}

RunTime TimeCommand(const std::vector<std::string>& argv) {
  std::vector<char*> pointers;
  for (const std::string& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  double start = Now();
  pid_t pid = -1;
  int problem = posix_spawnp(&pid, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (problem != 0) throw Error(fmt::format("{}: {}", argv[0], ErrnoText(problem)));
  int status = 0;
  rusage usage = {};
  while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  double duration = Now() - start;
  if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 3)) {
    throw Error(fmt::format("{} failed (status {:#x})", argv[0], status));
  }
  return {duration, CpuSeconds(usage)};
}

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double CpuSeconds(const rusage& usage) {
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace pagesnap
