// Captures processes that are stopped meanwhile (--freeze).
#ifndef CAPTURE_FROZEN_CAPTURE_H_
#define CAPTURE_FROZEN_CAPTURE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "capture/context.h"
#include "capture/frame_capture.h"
#include "capture/process_capture.h"
#include "capture/select.h"
#include "capture/sharer_search.h"

namespace pagesnap {

// Reads, in this order:
// 1. before the stop: command lines and other facts that stay as they are;
// 2. at the stop: who shares the memory of a process with it, and is to be stopped, too;
// 3. during the stop, over all processes: mappings and page words, then smaps, then frames;
// 4. after the release: the facts of processes that started meanwhile.
// What is read during the stop is kept in memory; hashing, compressing and writing follow after the
// release. When the limit passes, or there is too much to keep, the processes run on and the rest
// is read all the same; a gap says so.
class FrozenCapture {
 public:
  // Both are borrowed; context.request.freezer is set. `frames`: null where PFNs are hidden.
  FrozenCapture(CaptureContext& context, FrameCapture* frames);

  // Captures the processes, and those of the selection that they start until all are stopped, which
  // are added to `selected`. Returns how many words differed when they were read again, if the
  // request says so. Throws Error; the processes run on in any case.
  uint64_t Run(SelectedProcesses* selected);
  static constexpr int64_t kUnknownTime = -1;
  // After Run(): the time from the first stop to the last release, in nanoseconds; 0: nothing was
  // stopped.
  [[nodiscard]] int64_t freeze_ns() const { return freeze_ns_; }
  // After Run(): whether any process was stopped as a whole.
  [[nodiscard]] bool any_stopped() const { return any_stopped_; }
  // After Run(): when they have run on for as long as that, CLOCK_MONOTONIC in nanoseconds.
  [[nodiscard]] int64_t rested_ns() const { return rested_ns_; }
  // After Run(): of how many processes it is unknown whether they share memory.
  [[nodiscard]] size_t sharing_unknown_count() const { return search_.unknown_count(); }
  // After Run(): stores how process `pid` was stopped, which was not selected and shares the memory
  // of one that was.
  void AddStopOfSharer(int64_t process_id, int32_t pid) const;

 private:
  using Process = ProcessCapture::Process;

  void ReadBefore(const std::vector<ProcessStat>& processes);
  void StopAll(SelectedProcesses* selected);
  void StopRound(const std::vector<ProcessStat>& processes);
  void StopSharers();
  void StopAlso(std::span<const int32_t> pids);
  void ReadStopped(const SelectedProcesses& selected);
  void AddHeld();
  void CountChanges();
  void FindWeakest();
  bool JudgeFrozen(ProcessState& process, const Stop& stop);
  [[nodiscard]] std::string WhyShared(const ProcessState& process) const;
  [[nodiscard]] std::string LateReads(const ProcessState& process, const Stop& stop) const;
  [[nodiscard]] std::string WhyReleased() const;
  void AddFreezeFacts();

  CaptureContext& context_;
  FrameCapture* frames_;
  ProcessCapture capture_;
  FreezePeriod freeze_;
  SharerSearch search_;
  std::vector<Process> processes_;
  std::map<int32_t, Stop> first_stops_;       // what became of each process when it was to stop
  std::vector<std::vector<int32_t>> shared_;  // processes that share their memory
  // Of those that share memory with a process, by its pid: the ones that judge for all.
  std::map<int32_t, std::vector<int32_t>> sharers_;
  std::map<int64_t, int64_t> changed_;  // words that differed, by mapping id
  bool all_frozen_ = true;
  bool any_stopped_ = false;
  int64_t freeze_ns_ = 0;
  int64_t rested_ns_ = 0;
};

}  // namespace pagesnap

#endif  // CAPTURE_FROZEN_CAPTURE_H_
