#include "analyze/pager.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <vector>

#include "analyze/words.h"
#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace pagesnap {
namespace {

std::optional<std::string> Variable(const char* name) {
  const char* const value = getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

bool IsInPath(const std::string& program) {
  if (program.find('/') != std::string::npos) return access(program.c_str(), X_OK) == 0;
  for (const std::string& folder : SplitList(Variable("PATH").value_or("/usr/bin:/bin"), ':')) {
    if (access((folder + "/" + program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

volatile pid_t pager_pid = 0;

// Lets the user read to the end. Only with calls that are safe in a signal handler.
void WaitForPager() {
  const pid_t pid = pager_pid;
  pager_pid = 0;
  if (pid == 0) return;
  close(STDOUT_FILENO);
  close(STDERR_FILENO);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

extern "C" void EndAfterPager(int signal) {
  WaitForPager();
  std::signal(signal, SIG_DFL);
  raise(signal);
}

[[noreturn]] void Exec(const std::string& command, int input) {
  dup2(input, STDIN_FILENO);
  setenv("LESS", "FRX", /*overwrite=*/0);
  setenv("LV", "-c", /*overwrite=*/0);
  execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
  _exit(127);
}

}  // namespace

std::string FindPager() {
  if (Variable("TERM").value_or("dumb") == "dumb") return "";
  std::optional<std::string> command = Variable("PAGESNAP_PAGER");
  if (!command) command = Variable("PAGER");
  if (!command) command = "less";
  const std::vector<std::string> words = SplitList(*command, ' ');
  if (words.empty() || words[0] == "cat" || !IsInPath(words[0])) return "";
  return *command;
}

Pager::Pager(const std::string& command) {
  if (command.empty()) return;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw Error("pipe: " + ErrnoText(errno));
  const UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) throw Error("fork: " + ErrnoText(errno));
  if (pid == 0) Exec(command, read_end.get());
  pager_pid = pid;
  is_running_ = true;
  if (isatty(STDERR_FILENO) == 1) dup2(write_end.get(), STDERR_FILENO);
  dup2(write_end.get(), STDOUT_FILENO);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) {
    std::signal(signal, EndAfterPager);
  }
}

Pager::~Pager() {
  if (!is_running_) return;
  fflush(stdout);
  fflush(stderr);
  WaitForPager();
}

}  // namespace pagesnap
