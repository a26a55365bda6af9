// Stops processes by ptrace(2).
#ifndef CAPTURE_PTRACE_FREEZER_H_
#define CAPTURE_PTRACE_FREEZER_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "capture/freezer.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// From the first stop to the last release.
inline constexpr std::chrono::nanoseconds kDefaultFreezeLimit = std::chrono::seconds(2);

// PTRACE_SEIZE and PTRACE_INTERRUPT: the parent sees nothing, a stopped process stays stopped, and
// whatever ends the tracer, the kernel lets the targets run on (ptrace(2), man-pages 5.13).
class PtraceFreezer final : public Freezer {
 public:
  // Threads are listed through `reader`, which is borrowed and must show this machine. Whatever
  // happens, no process is stopped for longer than `limit`.
  PtraceFreezer(ProcReader& reader, std::chrono::nanoseconds limit);
  PtraceFreezer(const PtraceFreezer&) = delete;
  PtraceFreezer& operator=(const PtraceFreezer&) = delete;
  // Lets all processes run on.
  ~PtraceFreezer() override;

  std::map<int32_t, Stop> Freeze(std::span<const int32_t> pids) override;
  std::map<int32_t, Stop> Thaw() override;

 private:
  struct Thread {
    bool stopped = false;
    int signal = 0;  // that it was about to take when it stopped
  };
  std::string FreezeOne(int32_t pid);
  std::string SeizeNewThreads(int32_t pid, bool* any);
  bool HasEnded(int32_t pid, pid_t thread);
  std::string AwaitStops();
  bool Poll(pid_t thread, Thread* state);

  ProcReader& reader_;
  std::map<pid_t, Thread> threads_;
  std::map<int32_t, Stop> stops_;
};

}  // namespace pagesnap

#endif  // CAPTURE_PTRACE_FREEZER_H_
