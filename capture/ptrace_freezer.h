// Stops processes by ptrace(2), through a process that does nothing else.
#ifndef CAPTURE_PTRACE_FREEZER_H_
#define CAPTURE_PTRACE_FREEZER_H_

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "capture/freezer.h"
#include "capture/interrupt.h"
#include "capture/tracer_parent.h"
#include "capture/tracer_protocol.h"
#include "lib/base/unique_fd.h"
#include "lib/proc/directory_reader.h"

namespace pagesnap {

// The tracer process uses PTRACE_SEIZE and PTRACE_INTERRUPT: the parent of a target sees nothing, a
// stopped target stays stopped, and whatever ends the tracer, the kernel lets the targets run on
// (ptrace(2), man-pages 5.13). It releases all targets when the limit passes, when this process
// ends and when it is told to. If it does not answer in time it is killed; what it had stopped is
// then reported as a problem. The next snapshot has a new tracer.
//
// Signals that would stop or end this process are held from the first Freeze() to Thaw().
class PtraceFreezer final : public Freezer {
 public:
  // Starts the tracer and its parent (tracer_parent.h). To be called while this process has one
  // thread, little memory, and the priority that it was started with. `root` holds proc/. Throws
  // Error when root/proc does not show this machine's processes under the numbers that they have
  // here, or fork(2) fails.
  PtraceFreezer(const std::string& root, std::chrono::nanoseconds limit);
  PtraceFreezer(const PtraceFreezer&) = delete;
  PtraceFreezer& operator=(const PtraceFreezer&) = delete;
  // Lets all processes run on, and ends the tracer.
  ~PtraceFreezer() override;

  std::map<int32_t, Stop> Freeze(std::span<const int32_t> pids) override;
  std::map<int32_t, Stop> Thaw() override;

  // The tracer's pid; -1: it has ended.
  [[nodiscard]] pid_t tracer() const { return tracer_; }
  // The pid of its parent; -1: it has ended.
  [[nodiscard]] pid_t tracer_parent() const { return parent_.pid(); }

 private:
  void StartTracer();
  void StopAll(std::vector<int32_t> pids);
  std::vector<int32_t> ToStopAgain(bool also_asleep);
  bool Ask(TracerCommand command, std::span<const int32_t> pids, std::vector<StopRecord>* records);
  bool Transfer(bool send, void* data, size_t size, int64_t deadline_ns);
  void GiveUp();
  [[nodiscard]] std::string WhyLost(std::optional<int> status) const;
  [[nodiscard]] Stop ToStop(const StopRecord& record);

  DirectoryReader reader_;
  const int64_t limit_ns_;
  TracerParent parent_;
  UniqueFd socket_;
  pid_t tracer_ = -1;
  bool is_late_ = false;         // it did not answer in time
  int32_t hung_pid_ = 0;         // see TracerReply
  std::string lost_;             // why there is no tracer
  int64_t freeze_start_ns_ = 0;  // of this snapshot; CLOCK_MONOTONIC
  std::optional<HeldSignals> held_;
  std::map<int32_t, Stop> stops_;  // of this snapshot
};

}  // namespace pagesnap

#endif  // CAPTURE_PTRACE_FREEZER_H_
