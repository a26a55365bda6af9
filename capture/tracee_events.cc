// The part of TraceeSet that lets processes go, and that handles what wait4(2) says of threads.
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <csignal>

#include "capture/monotonic.h"
#include "capture/tracee_set.h"

namespace pagesnap {

void TraceeSet::Fail(Process* process, StopProblem problem, pid_t thread, int error) {
  process->record.problem = problem;
  process->record.thread = thread;
  process->record.error = error;
  process->record.thread_count = static_cast<uint32_t>(process->threads.size());
  Release(process);
}

void TraceeSet::SetEnded(Process* process) {
  StopRecord& record = process->record;
  record.ended = 1;
  if (record.stopped_ns == 0) record.stopped_ns = MonotonicNow();
  Release(process);
}

void TraceeSet::Release(Process* process) {
  process->wanted = false;
  if (process->record.released_ns == 0) process->record.released_ns = MonotonicNow();
  std::vector<pid_t> gone;
  for (const auto& [thread, state] : process->threads) {
    const bool is_gone =
        state.stopped ? ptrace(PTRACE_DETACH, thread, nullptr, nullptr) == 0
                      : !state.told && ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) != 0;
    if (is_gone) {
      gone.push_back(thread);
    } else {
      // Only a stopped thread can be let go. It is when it stops; or it was killed and will be
      // reaped.
      stragglers_.insert(thread);
    }
  }
  for (const pid_t thread : gone) Remove(process, thread);
}

void TraceeSet::Reap() {
  watch_.Reap(-1, &events_);
  HandleEvents();
}

void TraceeSet::RetryStragglers() {
  const std::vector<pid_t> stragglers(stragglers_.begin(), stragglers_.end());
  for (const pid_t thread : stragglers) {
    unsigned long message = 0;
    if (ptrace(PTRACE_GETEVENTMSG, thread, nullptr, &message) != 0) continue;  // it is not stopped
    // What wait4() said of a stop is the better answer, and comes first.
    Reap();
    siginfo_t info = {};
    int signal = 0;
    // A stop for an event has that in si_code (ptrace(2)); any other one is for a signal.
    if (ptrace(PTRACE_GETSIGINFO, thread, nullptr, &info) == 0 && info.si_code < 1 << 8) {
      signal = info.si_signo;
    }
    if (ptrace(PTRACE_DETACH, thread, nullptr, static_cast<intptr_t>(signal)) != 0) continue;
    if (Process* process = Find(thread); process != nullptr) Remove(process, thread);
  }
}

void TraceeSet::HandleEvents() {
  for (const SeizeWatch::Event& event : events_) {
    if (WIFSTOPPED(event.status)) {
      HandleStop(event.thread, event.status);
    } else {
      HandleEnd(event.thread);
    }
  }
  events_.clear();
}

void TraceeSet::HandleEnd(pid_t thread) {
  Process* process = Find(thread);
  if (process == nullptr) return;
  Remove(process, thread);
  // Of a process that was not stopped yet there may be threads that were not seen.
  if (!process->wanted || process->record.stopped_ns == 0) return;
  if (process->record.released_ns == 0) process->record.released_ns = MonotonicNow();
  if (process->threads.empty()) SetEnded(process);
}

void TraceeSet::HandleStop(pid_t thread, int status) {
  const int event = status >> 16;
  const int signal = event == 0 ? WSTOPSIG(status) : 0;
  if (event == PTRACE_EVENT_EXEC) HandleExec(thread);
  Process* process = Find(thread);
  if (process == nullptr || !process->wanted) {
    if (ptrace(PTRACE_DETACH, thread, nullptr, static_cast<intptr_t>(signal)) == 0 && process) {
      Remove(process, thread);
    }
    return;
  }
  Thread& state = process->threads.at(thread);
  if (event == PTRACE_EVENT_STOP || (event != 0 && state.told)) {
    NoteFirstStop(process);
    state.stopped = true;
    return;
  }
  // A signal came first, or the process is not to stop yet. The signal is delivered now: if this
  // process died while it is held back, the kernel would forget it. Any stop ends the trap that was
  // pending (ptrace_stop() in kernel/signal.c).
  if (state.told) ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
  ptrace(PTRACE_CONT, thread, nullptr, static_cast<intptr_t>(signal));
}

// A thread ran execve(2): all others of its process are gone, and it has the number of the first.
void TraceeSet::HandleExec(pid_t thread) {
  unsigned long former = 0;
  ptrace(PTRACE_GETEVENTMSG, thread, nullptr, &former);
  Process* process = Find(static_cast<pid_t>(former));
  if (process == nullptr) process = Find(thread);
  if (process == nullptr) return;
  bool told = false;
  while (!process->threads.empty()) {
    const auto [other, state] = *process->threads.begin();
    told |= state.told;
    Remove(process, other);
  }
  Add(process, thread, {.told = told});
  process->first_has_ended = false;
}

TraceeSet::Process* TraceeSet::Find(pid_t thread) {
  const auto found = process_of_.find(thread);
  return found == process_of_.end() ? nullptr : &processes_.at(found->second);
}

void TraceeSet::Add(Process* process, pid_t thread, Thread state) {
  // A number that is in use again.
  if (Process* other = Find(thread); other != nullptr) Remove(other, thread);
  process->threads[thread] = state;
  process_of_[thread] = process->pid;
}

void TraceeSet::Remove(Process* process, pid_t thread) {
  if (process->threads.erase(thread) == 0) return;
  process_of_.erase(thread);
  stragglers_.erase(thread);
}

}  // namespace pagesnap
