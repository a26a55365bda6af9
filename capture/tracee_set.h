// The processes that the tracer stops: all that is done with ptrace(2).
#ifndef CAPTURE_TRACEE_SET_H_
#define CAPTURE_TRACEE_SET_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "capture/seize_watch.h"
#include "capture/tracer_protocol.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// Stops processes and lets them go. To be used by one thread, which is the tracer: the kernel takes
// ptrace requests from no other (ptrace_check_attach() in kernel/ptrace.c).
//
// First all threads of all processes are seized, which does not disturb them; then all are told to
// stop, in a short loop; then all are waited for together. A process is stopped as a whole or not
// at all. The trap of a thread that did not stop in time stays pending; it is let go when it stops
// at last.
class TraceeSet {
 public:
  // Threads are looked for in `root`/proc through `reader`, which is borrowed. `limit_ns` runs from
  // the first stop to the last release, and anew for each snapshot. For `say_hung` see SeizeWatch.
  TraceeSet(const std::string& root, ProcReader& reader, int64_t limit_ns,
            std::function<void(pid_t)> say_hung);

  // Stops processes of the current snapshot, or says in their records why not.
  void Freeze(std::span<const int32_t> pids);
  // Lets all processes run on. Their records remain.
  void Release();
  // Ends the snapshot, after Release(): forgets the records.
  void Forget();

  // Reaps what there is: threads that ended, and those that stopped only after their release, which
  // are let go now.
  void Reap();
  // Returns when the limit passes, in CLOCK_MONOTONIC nanoseconds; 0: nothing is stopped.
  [[nodiscard]] int64_t release_ns() const { return release_ns_; }
  // Tries once more to let go those that Release() could not. Reap() does so when they stop; this
  // is for a stop that was missed.
  void RetryStragglers();
  // Returns whether there are threads that could not be let go yet.
  [[nodiscard]] bool has_stragglers() const { return !stragglers_.empty(); }

  [[nodiscard]] const StopRecord& RecordOf(int32_t pid) const { return processes_.at(pid).record; }
  // Returns the records of this snapshot.
  [[nodiscard]] std::vector<StopRecord> Records() const;

 private:
  struct Thread {
    bool told = false;  // to stop, by PTRACE_INTERRUPT
    bool stopped = false;
    int64_t ran_ns = -1;  // its time on a processor when it was first looked at; -1: it was not
  };
  struct Process {
    int32_t pid = 0;
    StopRecord record = {};                // its pid is 0 when it is not of this snapshot
    bool wanted = false;                   // stopped, or to be stopped
    bool first_has_ended = false;          // its first thread, and it lives on
    bool blocked = false;                  // PTRACE_SEIZE of one of its threads waited too long
    std::map<pid_t, Thread> threads = {};  // those that are seized
  };
  using Processes = std::vector<Process*>;

  void SeizeAll(Processes* processes);
  void SeizeBlocked(Processes* processes);
  bool SeizeThreads(Process* process);
  bool SeizeThread(Process* process, pid_t thread);

  void StopAll(Processes processes);
  void NoteFirstStop(Process* process);
  void Tell(Process* process);
  void AwaitStops(const Processes& processes);
  size_t PollThreads(Process* process);
  static size_t CountRunning(const Process& process);
  void LookAtThreads(Process* process);
  void GiveUpOnThreads(Process* process, bool out_of_time);
  bool StandsStill(Process* process);
  void SetDeadline();
  [[nodiscard]] bool IsOutOfTime() const;

  void Fail(Process* process, StopProblem problem, pid_t thread = 0, int error = 0);
  void SetEnded(Process* process);
  void Release(Process* process);

  void HandleEvents();
  void HandleEnd(pid_t thread);
  void HandleStop(pid_t thread, int status);
  void HandleExec(pid_t thread);
  Process* Find(pid_t thread);
  void Add(Process* process, pid_t thread, Thread state);
  void Remove(Process* process, pid_t thread);

  const std::string& root_;
  ProcReader& reader_;
  const int64_t limit_ns_;
  const int64_t patience_ns_;
  int64_t patience_left_ns_;  // of this snapshot
  int64_t deadline_ns_ = 0;   // when a part of Freeze() ends
  int64_t release_ns_ = 0;
  bool released_ = false;  // the processes of this snapshot; no further ones are stopped
  SeizeWatch watch_;
  std::unordered_map<int32_t, Process> processes_;
  std::unordered_map<pid_t, int32_t> process_of_;  // the pid of each seized thread
  std::set<pid_t> stragglers_;
  std::vector<SeizeWatch::Event> events_;
};

}  // namespace pagesnap

#endif  // CAPTURE_TRACEE_SET_H_
