// Starts tracer processes for capture, however many threads that has by then.
#ifndef CAPTURE_TRACER_PARENT_H_
#define CAPTURE_TRACER_PARENT_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/unique_fd.h"

namespace pagesnap {

// What helps where fork(2) or pthread_create(3) fails.
inline constexpr char kProcessLimitAdvice[] =
    "leave out --freeze, or raise the limit on processes (ulimit -u)";

// A small process with one thread, forked from capture early, which forks a tracer when it is told
// to. Capture itself cannot do that later: the child would be a copy of all its memory, which the
// tracer locks, and of whatever its other threads were at.
//
// It ends with capture, and the tracer ends with it, whatever ends it.
class TracerParent {
 public:
  // To be called while this process has one thread, little memory, and the priority that it was
  // started with. For `root` and `limit_ns` see RunTracer(). Throws Error when fork(2) fails.
  TracerParent(const std::string& root, int64_t limit_ns);
  // Ends the process and its tracer.
  ~TracerParent();
  TracerParent(const TracerParent&) = delete;
  TracerParent& operator=(const TracerParent&) = delete;

  struct Tracer {
    pid_t pid = -1;
    UniqueFd socket;      // to speak to it as in tracer_protocol.h
    std::string problem;  // why there is none, and what helps; "": there is one
  };
  // Starts a tracer; there must be no other one.
  Tracer Start();
  // Kills the tracer, if there is one and it has not ended by itself. Returns its status as
  // waitpid(2) gives it; nothing when that is not known, because this process did not answer and
  // was killed.
  std::optional<int> End();

  // The pid of the process; -1: it has ended.
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  bool Receive(void* data, size_t size);
  void Kill();

  UniqueFd socket_;
  pid_t pid_ = -1;
};

}  // namespace pagesnap

#endif  // CAPTURE_TRACER_PARENT_H_
