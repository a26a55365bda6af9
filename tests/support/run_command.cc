#include "tests/support/run_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <pty.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>
#include <utility>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

constexpr id_t kNobody = 65534;
constexpr auto kPatience = std::chrono::seconds(60);

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

// Not inherited by programs: a copy of a write end elsewhere would keep the pipe open.
Pipe MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) throw Error("pipe2: " + ErrnoText(errno));
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// Returns a terminal in place of the pipe.
Pipe MakeTerminal() {
  termios raw = {};
  cfmakeraw(&raw);
  int reading;
  int writing;
  if (openpty(&reading, &writing, nullptr, &raw, nullptr) != 0) {
    throw Error("openpty: " + ErrnoText(errno));
  }
  Pipe terminal{UniqueFd(reading), UniqueFd(writing)};
  for (const int fd : {reading, writing}) fcntl(fd, F_SETFD, FD_CLOEXEC);
  return terminal;
}

UniqueFd OpenNull() { return UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

// exec() wants pointers to char that is not const, and changes nothing.
std::vector<char*> Pointers(const std::vector<std::string>& argv) {
  std::vector<char*> pointers;
  for (const std::string& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

int WaitForExit(pid_t pid, rusage* usage = nullptr) {
  int status = 0;
  while (wait4(pid, &status, 0, usage) < 0) {
    if (errno != EINTR) throw Error(fmt::format("wait4 {}: {}", pid, ErrnoText(errno)));
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

double SecondsOf(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

void Collect(pid_t pid, CommandResult* result) {
  rusage usage{};
  result->exit_code = WaitForExit(pid, &usage);
  result->cpu_seconds = SecondsOf(usage.ru_utime) + SecondsOf(usage.ru_stime);
  result->peak_rss_mib = static_cast<double>(usage.ru_maxrss) / 1024;
}

// Reads both pipes as they fill: a program that waits for room in one would never end the other.
void ReadBoth(const UniqueFd& out, std::string* out_text, const UniqueFd& err,
              std::string* err_text) {
  pollfd sources[] = {{out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}};
  std::string* texts[] = {out_text, err_text};
  std::vector<char> buffer(65536);
  while (sources[0].fd >= 0 || sources[1].fd >= 0) {
    if (poll(sources, 2, -1) < 0) continue;
    for (int i = 0; i < 2; ++i) {
      if (sources[i].fd < 0 || sources[i].revents == 0) continue;
      const ssize_t got = read(sources[i].fd, buffer.data(), buffer.size());
      if (got > 0) texts[i]->append(buffer.data(), static_cast<size_t>(got));
      // The end; of a terminal, EIO is. poll() skips it from now on.
      if (got == 0 || (got < 0 && errno == EIO)) sources[i].fd = -1;
    }
  }
}

// Between fork() and exec(): nothing here may allocate, another thread may hold the heap's lock.
[[noreturn]] void ExecAsNobody(int program_fd, char* const* argv) {
  if (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
      setresuid(kNobody, kNobody, kNobody) != 0) {
    _exit(126);
  }
  if (program_fd >= 0) {
    fexecve(program_fd, argv, environ);
  } else {
    execvp(argv[0], argv);
  }
  _exit(127);
}

// Returns the state letter of /proc/PID/stat, or 'X' when there is no such process.
char ProcessState(pid_t pid) {
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(stat, text);
  const size_t end_of_name = text.rfind(')');
  return end_of_name == std::string::npos ? 'X' : text.at(end_of_name + 2);
}

CommandResult Run(const std::vector<std::string>& argv, Pipe out, Pipe err) {
  const UniqueFd null = OpenNull();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, null.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write_end.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write_end.get(), STDERR_FILENO);
  pid_t pid = -1;
  const int error =
      posix_spawnp(&pid, argv.at(0).c_str(), &actions, nullptr, Pointers(argv).data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw Error(fmt::format("cannot run {}: {}", argv[0], ErrnoText(error)));
  out.write_end.Reset();
  err.write_end.Reset();
  CommandResult result;
  ReadBoth(out.read_end, &result.out, err.read_end, &result.err);
  Collect(pid, &result);
  return result;
}

}  // namespace

CommandResult RunCommand(const std::vector<std::string>& argv) {
  return Run(argv, MakePipe(), MakePipe());
}

CommandResult RunCommandOnTerminals(const std::vector<std::string>& argv,
                                    const std::string& pager) {
  std::vector<std::string> command = {"env", "TERM=xterm", "PAGESNAP_PAGER=" + pager};
  command.insert(command.end(), argv.begin(), argv.end());
  return Run(command, MakeTerminal(), MakeTerminal());
}

CommandResult RunCommandAsNobody(const std::vector<std::string>& argv) {
  Pipe out = MakePipe();
  Pipe err = MakePipe();
  const UniqueFd null = OpenNull();
  // Opened as the caller: the build may be in a home directory that nobody cannot enter.
  const bool is_path = argv.at(0).find('/') != std::string::npos;
  const UniqueFd program(is_path ? open(argv[0].c_str(), O_PATH | O_CLOEXEC) : -1);
  const std::vector<char*> pointers = Pointers(argv);
  const pid_t pid = fork();
  if (pid < 0) throw Error("fork: " + ErrnoText(errno));
  if (pid == 0) {
    dup2(null.get(), STDIN_FILENO);
    dup2(out.write_end.get(), STDOUT_FILENO);
    dup2(err.write_end.get(), STDERR_FILENO);
    ExecAsNobody(program.get(), pointers.data());
  }
  out.write_end.Reset();
  err.write_end.Reset();
  CommandResult result;
  ReadBoth(out.read_end, &result.out, err.read_end, &result.err);
  Collect(pid, &result);
  return result;
}

ChildProcess::ChildProcess(const std::vector<std::string>& argv,
                           const std::string& cgroup_directory) {
  Pipe input = MakePipe();
  Pipe output = MakePipe();
  UniqueFd cgroup;
  if (!cgroup_directory.empty()) {
    const std::string path = cgroup_directory + "/cgroup.procs";
    cgroup.Reset(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!cgroup.valid()) throw Error(path + ": " + ErrnoText(errno));
  }
  const std::vector<char*> pointers = Pointers(argv);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw Error("fork: " + ErrnoText(errno));
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126);
    // "0" is the writing process itself.
    if (cgroup.valid() && write(cgroup.get(), "0", 1) != 1) _exit(126);
    dup2(input.read_end.get(), STDIN_FILENO);
    dup2(output.write_end.get(), STDOUT_FILENO);
    execvp(pointers[0], pointers.data());
    _exit(127);
  }
  input_ = std::move(input.write_end);
  output_ = std::move(output.read_end);
}

ChildProcess::~ChildProcess() {
  if (waited_) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::string ChildProcess::ReadLine() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  size_t newline;
  while ((newline = buffer_.find('\n')) == std::string::npos) {
    if (std::chrono::steady_clock::now() > deadline) throw Error("the child process says nothing");
    pollfd source = {output_.get(), POLLIN, 0};
    if (poll(&source, 1, 1000) <= 0) continue;
    char bytes[4096];
    const ssize_t got = read(output_.get(), bytes, sizeof(bytes));
    if (got <= 0) throw Error("the child process has ended its output");
    buffer_.append(bytes, static_cast<size_t>(got));
  }
  std::string line = buffer_.substr(0, newline);
  buffer_.erase(0, newline + 1);
  return line;
}

void ChildProcess::Signal(int signal_number) {
  // Once it was waited for, the number may belong to another process.
  if (waited_ || kill(pid_, signal_number) != 0) throw Error("the child process has ended");
}

void ChildProcess::Stop() {
  if (waited_) throw Error("the child process has ended");
  StopProcess(pid_);
}

void ChildProcess::Continue() { Signal(SIGCONT); }

int ChildProcess::Wait() {
  if (!waited_) exit_code_ = WaitForExit(pid_);
  waited_ = true;
  return exit_code_;
}

void StopProcess(pid_t pid) {
  if (kill(pid, SIGSTOP) != 0) throw Error(fmt::format("kill {}: {}", pid, ErrnoText(errno)));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (ProcessState(pid) != 'T') {
    if (std::chrono::steady_clock::now() > deadline || ProcessState(pid) == 'X') {
      throw Error(fmt::format("process {} does not stop", pid));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

std::string BuiltProgram(const std::string& name) { return PAGESNAP_PROGRAM_DIR "/" + name; }

}  // namespace pagesnap
