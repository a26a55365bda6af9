// Other programs, run by tests: to their end, or beside the test.
#ifndef TESTS_SUPPORT_RUN_COMMAND_H_
#define TESTS_SUPPORT_RUN_COMMAND_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "lib/base/unique_fd.h"

namespace pagesnap {

struct CommandResult {
  int exit_code = 0;  // 128 + the signal, where one ended it
  double cpu_seconds = 0;
  double peak_rss_mib = 0;
  std::string out;
  std::string err;
};

// Runs `argv` to its end with empty input. A name without a slash is searched for in PATH. Throws
// Error when it cannot be started.
CommandResult RunCommand(const std::vector<std::string>& argv);

// The same, with a terminal for standard output and one for standard error, which change no byte.
// `pager` is the command of one, "" for none.
CommandResult RunCommandOnTerminals(const std::vector<std::string>& argv,
                                    const std::string& pager = "");

// The same as RunCommand(), as user and group 65534, without any capability. Only root can do so;
// exit code 126 says that it could not be done, 127 that the program could not be run. The program
// itself may be in a directory that nobody cannot enter, its arguments may not.
CommandResult RunCommandAsNobody(const std::vector<std::string>& argv);

// A process that runs beside the test, killed and waited for at the end of this object at the
// latest, and killed by the kernel when the thread that started it dies. Its standard error is
// the test's.
class ChildProcess {
 public:
  // With `cgroup_directory`, it is in that cgroup from its first page on.
  explicit ChildProcess(const std::vector<std::string>& argv,
                        const std::string& cgroup_directory = "");
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }

  // Returns the next line of its standard output without the newline. Throws Error when there is
  // none, or none within a minute.
  std::string ReadLine();

  // SIGSTOP, and returns when it is stopped; SIGCONT.
  void Stop();
  void Continue();

  void CloseInput() { input_.Reset(); }
  void Signal(int signal_number);

  // Returns its exit code once it has ended (128 + the signal, where one ended it).
  int Wait();

 private:
  pid_t pid_ = -1;
  bool waited_ = false;
  int exit_code_ = 0;
  UniqueFd input_;
  UniqueFd output_;
  std::string buffer_;
};

// SIGSTOP to a process that need not be a child of this one; returns when all of it is stopped.
void StopProcess(pid_t pid);

// Returns the path of a program of this build: BuiltProgram("capture").
std::string BuiltProgram(const std::string& name);

}  // namespace pagesnap

#endif  // TESTS_SUPPORT_RUN_COMMAND_H_
