// A program that capture runs itself: 'capture -- COMMAND'.
#ifndef CAPTURE_COMMAND_H_
#define CAPTURE_COMMAND_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pagesnap {

// Runs a program to the point at which it is captured, and then to its end. It has our standard
// streams, environment and process group; signals of the terminal are for it alone. To be captured
// at its end it is traced (ptrace(2)), which costs it time for signals and new threads only. All
// calls are for the thread that made the object, which must have no other children.
class Command {
 public:
  // Starts it, to be captured after `at_ns`, or at its end. Throws UsageError when it cannot be
  // run, and Error when it cannot be traced.
  Command(const std::vector<std::string>& argv, std::optional<int64_t> at_ns);
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  // Lets it run on, untraced.
  ~Command();

  [[nodiscard]] pid_t pid() const { return pid_; }

  // Lets it run until it is about to end, with all of its memory still there (it stands still until
  // RunToEnd()), or until the time, after which it runs on. Returns false when it has ended before;
  // SIGKILL can nothing hold up.
  bool RunUntilCapture();

  // Lets it run to its end. Returns its exit status, or 128 + the signal that ended it.
  int RunToEnd();

 private:
  enum class Event { kLastThreadEnds, kEnded, kTime };

  void Trace(pid_t pid);
  Event Wait(bool until_deadline);
  bool Handle(pid_t thread, int status);
  [[nodiscard]] bool IsLast(pid_t thread) const;
  void Continue(pid_t thread, int signal) const;

  std::optional<int64_t> deadline_ns_;  // CLOCK_MONOTONIC
  pid_t pid_ = -1;
  pid_t standing_ = -1;       // the thread that waits to end
  std::set<pid_t> ending_;    // threads that were let go at their end
  std::optional<int> ended_;  // the status of waitpid(2)
};

}  // namespace pagesnap

#endif  // CAPTURE_COMMAND_H_
