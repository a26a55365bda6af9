// Stops processes while they are captured.
#ifndef CAPTURE_FREEZER_H_
#define CAPTURE_FREEZER_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>

#include "lib/proc/reader.h"

namespace pagesnap {

class Freezer {
 public:
  virtual ~Freezer() = default;
  // Stops all threads of a process. Returns "" when they are stopped, or why they are not; those
  // that are stay stopped. Stopping a process twice finds its new threads.
  virtual std::string Freeze(int32_t pid) = 0;
  // Lets all go on as they were.
  virtual void Thaw() = 0;
};

// PTRACE_SEIZE and PTRACE_INTERRUPT: the parent sees nothing, a stopped process stays stopped, and
// whatever ends this process, the kernel lets the targets run on (ptrace(2), man-pages 5.13).
// Everything has to be called from the thread that made it, which ptrace knows as the tracer.
class PtraceFreezer final : public Freezer {
 public:
  // Threads are listed through `reader`, which is borrowed and must show this machine.
  explicit PtraceFreezer(ProcReader& reader) : reader_(reader) {}
  PtraceFreezer(const PtraceFreezer&) = delete;
  PtraceFreezer& operator=(const PtraceFreezer&) = delete;
  ~PtraceFreezer() override { Thaw(); }

  std::string Freeze(int32_t pid) override;
  void Thaw() override;

 private:
  struct Thread {
    bool stopped = false;
    int signal = 0;  // that it was about to take when it stopped
  };
  std::string SeizeNewThreads(int32_t pid, bool* any);
  bool HasEnded(int32_t pid, pid_t thread);
  std::string AwaitStops();
  bool Poll(pid_t thread, Thread* state);

  ProcReader& reader_;
  std::map<pid_t, Thread> threads_;
};

}  // namespace pagesnap

#endif  // CAPTURE_FREEZER_H_
