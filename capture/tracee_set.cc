#include "capture/tracee_set.h"

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "capture/monotonic.h"
#include "capture/task_files.h"
#include "lib/proc/threads.h"

namespace pagesnap {
namespace {

// How long a thread that is inside the kernel is waited for: a part of the limit, and no more than
// most system calls and uninterruptible sleeps take.
constexpr int64_t kMaxPatienceNs = 200'000'000;
constexpr int64_t kPatiencePart = 4;
// A thread that has had a processor for so long since it was told to stop, and has not stopped,
// runs inside the kernel: it stops before it runs on in its program. It is more than a clock tick,
// by which the kernel counts.
constexpr int64_t kInKernelNs = 20'000'000;
constexpr int kSeizeTries = 3;
constexpr int64_t kFirstNapNs = 10'000;
constexpr int64_t kLongestNapNs = 1'000'000;
// How often others than the awaited threads are reaped meanwhile.
constexpr int64_t kReapPeriodNs = 5'000'000;
// In between, processes that were killed are reaped.
constexpr size_t kSeizedBetweenReaps = 64;
constexpr size_t kToldBetweenLooks = 64;
// When the limit has passed for so long, this thread hangs, and the other one ends the process.
constexpr int64_t kEndMarginNs = 500'000'000;

void Nap(int64_t* length_ns) {
  const timespec length = {.tv_sec = 0, .tv_nsec = *length_ns};
  nanosleep(&length, nullptr);
  *length_ns = std::min(*length_ns * 2, kLongestNapNs);
}

}  // namespace

TraceeSet::TraceeSet(const std::string& root, ProcReader& reader, int64_t limit_ns,
                     std::function<void(pid_t)> say_hung)
    : root_(root),
      reader_(reader),
      limit_ns_(limit_ns),
      patience_ns_(std::min(kMaxPatienceNs, limit_ns / kPatiencePart)),
      patience_left_ns_(patience_ns_),
      watch_(std::move(say_hung)) {}

void TraceeSet::Freeze(std::span<const int32_t> pids) {
  Processes processes;
  for (const int32_t pid : pids) {
    Process& process = processes_[pid];
    if (process.wanted) continue;  // stopped already
    process.pid = pid;
    process.record = {};
    process.record.pid = pid;
    process.wanted = true;
    if (released_) Fail(&process, StopProblem::kLimit);
    for (const auto& [thread, state] : process.threads) stragglers_.erase(thread);
    processes.push_back(&process);
  }
  watch_.Arm();
  SeizeAll(&processes);
  StopAll(std::move(processes));
}

void TraceeSet::Release() {
  for (auto& [pid, process] : processes_) {
    if (process.wanted) Release(&process);
  }
  released_ = true;
  release_ns_ = 0;
  watch_.SetEnd(0);
  watch_.Disarm();
}

void TraceeSet::Forget() {
  std::erase_if(processes_, [](const auto& entry) { return entry.second.threads.empty(); });
  for (auto& [pid, process] : processes_) process.record = {};
  patience_left_ns_ = patience_ns_;
  released_ = false;
}

std::vector<StopRecord> TraceeSet::Records() const {
  std::vector<StopRecord> records;
  records.reserve(processes_.size());
  for (const auto& [pid, process] : processes_) {
    if (process.record.pid != 0) records.push_back(process.record);
  }
  return records;
}

// Seizes all threads. What is left of `processes` can be stopped.
void TraceeSet::SeizeAll(Processes* processes) {
  SetDeadline();
  size_t count = 0;
  std::erase_if(*processes, [&](Process* process) {
    if (++count % kSeizedBetweenReaps == 0) Reap();
    if (IsOutOfTime()) Fail(process, StopProblem::kLimit);
    return !process->wanted || !SeizeThreads(process);
  });
  SeizeBlocked(processes);
}

// Tries again to seize those that were in execve(2), all in turn.
void TraceeSet::SeizeBlocked(Processes* processes) {
  // As long as no process is stopped, waiting harms none.
  const int64_t end = release_ns_ == 0 ? deadline_ns_ : MonotonicNow() + patience_left_ns_;
  for (bool again = true; again;) {
    again = false;
    const bool out_of_time = MonotonicNow() > end;
    std::erase_if(*processes, [&](Process* process) {
      if (!process->blocked) return false;
      Reap();
      if (out_of_time) Fail(process, StopProblem::kExec);
      if (!process->wanted || !SeizeThreads(process)) return true;
      again |= process->blocked;
      return false;
    });
  }
}

// Seizes the threads that are not yet. Returns false when the process cannot be stopped, or has
// ended.
bool TraceeSet::SeizeThreads(Process* process) {
  process->blocked = false;
  process->first_has_ended = false;
  std::vector<pid_t> threads;
  try {
    threads = ListThreads(reader_, process->pid);
  } catch (const ReadError& error) {
    Fail(process, StopProblem::kSystemError, 0, error.error_number());
    return false;
  }
  for (const pid_t thread : threads) {
    if (!process->threads.contains(thread) && !SeizeThread(process, thread)) return false;
  }
  if (!process->threads.empty() || process->blocked) return true;
  // Nothing was there to seize: it has ended, or execve(2) was just replacing the first thread by
  // another one under its number.
  process->blocked = CountThreads(root_, process->pid) > 1 ||
                     !ThreadStat(reader_, process->pid, process->pid).HasEnded();
  if (process->blocked) return true;
  SetEnded(process);
  return false;
}

bool TraceeSet::SeizeThread(Process* process, pid_t thread) {
  int error = 0;
  for (int i = 0; i < kSeizeTries; ++i) {
    error = watch_.Seize(process->pid, thread);
    // It is ours all the same when it was seized at the last moment (EAGAIN), or before it took the
    // number of the first thread by execve(2), which will be reported (EPERM).
    const bool told = error != 0 && ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) == 0;
    if (error == 0 || told) {
      Add(process, thread, {.told = told});
      return true;
    }
    if (error == ESRCH) return true;  // it ended
    if (error == EAGAIN) {
      process->blocked = true;
      return true;
    }
    // EPERM is also said of zombies; among them the first thread while execve(2) replaces it.
    if (ThreadStat(reader_, process->pid, thread).HasEnded()) {
      process->first_has_ended |= thread == process->pid;
      return true;
    }
  }
  if (error == EPERM) process->record.tracer = TracerOf(reader_, process->pid, thread);
  Fail(process, error == EPERM ? StopProblem::kNotPermitted : StopProblem::kSystemError, thread,
       error);
  return false;
}

void TraceeSet::StopAll(Processes processes) {
  SetDeadline();
  for (Process* process : processes) {
    if (release_ns_ != 0 && IsOutOfTime()) {
      Fail(process, StopProblem::kLimit);
      continue;
    }
    NoteFirstStop(process);
    Tell(process);
  }
  while (!processes.empty()) {
    AwaitStops(processes);
    std::erase_if(processes,
                  [&](Process* process) { return !process->wanted || StandsStill(process); });
  }
}

// The limit runs from the first call on.
void TraceeSet::NoteFirstStop(Process* process) {
  const int64_t now = MonotonicNow();
  if (process->record.first_stop_ns == 0) process->record.first_stop_ns = now;
  if (release_ns_ != 0) return;
  release_ns_ = now + limit_ns_;
  watch_.SetEnd(release_ns_ + kEndMarginNs);
}

// Tells all threads of a process to stop, as far as there is time. Does not wait for them.
void TraceeSet::Tell(Process* process) {
  std::vector<pid_t> gone;
  size_t count = 0;
  for (auto& [thread, state] : process->threads) {
    if (state.stopped || state.told) continue;
    if (++count % kToldBetweenLooks == 0 && IsOutOfTime()) break;
    state.told = ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) == 0;
    if (!state.told) gone.push_back(thread);
  }
  // A thread that is not ours any more: another one took its number by execve(2) before it was
  // seized. One that has ended is still ours until it is reaped.
  for (const pid_t thread : gone) Remove(process, thread);
}

// Waits until all threads have stopped, or gives up on their processes.
void TraceeSet::AwaitStops(const Processes& processes) {
  const int64_t start = MonotonicNow();
  bool looked = false;
  int64_t reap_ns = start + kReapPeriodNs;
  for (int64_t nap_ns = kFirstNapNs;; Nap(&nap_ns)) {
    size_t pending = 0;
    for (Process* process : processes) pending += PollThreads(process);
    if (pending == 0) break;
    const int64_t now = MonotonicNow();
    if (now > reap_ns) {
      Reap();
      reap_ns = MonotonicNow() + kReapPeriodNs;
    }
    const bool out_of_time = IsOutOfTime();
    if (!looked && now - start > patience_left_ns_ / 4) {
      for (Process* process : processes) LookAtThreads(process);
      looked = true;
    }
    if (out_of_time || now - start > patience_left_ns_) {
      for (Process* process : processes) GiveUpOnThreads(process, out_of_time);
    }
  }
  // All that do not stop cost one patience in a snapshot, however many calls they are spread over.
  const int64_t spent = MonotonicNow() - start;
  patience_left_ns_ = std::max(patience_left_ns_ - spent, patience_ns_ / 10);
}

// Reaps the threads of a process that were not seen stopped, and returns how many are left. One by
// one: to wait for any thread walks all tracees (ptrace_do_wait() in kernel/exit.c).
size_t TraceeSet::PollThreads(Process* process) {
  if (!process->wanted) return 0;
  std::vector<pid_t> gone;
  size_t pending = 0;
  for (const auto& [thread, state] : process->threads) {
    if (state.stopped) continue;
    ++pending;
    if (!watch_.Reap(thread, &events_)) gone.push_back(thread);
  }
  HandleEvents();
  for (const pid_t thread : gone) Remove(process, thread);
  return pending == 0 ? 0 : CountRunning(*process);
}

size_t TraceeSet::CountRunning(const Process& process) {
  if (!process.wanted) return 0;
  return std::ranges::count_if(process.threads,
                               [](const auto& thread) { return !thread.second.stopped; });
}

// Notes how long those threads ran that have not stopped.
void TraceeSet::LookAtThreads(Process* process) {
  if (!process->wanted) return;
  for (auto& [thread, state] : process->threads) {
    if (!state.stopped) state.ran_ns = ThreadRunTime(reader_, process->pid, thread).value_or(-1);
  }
}

// Gives up on a process with a thread that sleeps uninterruptibly or is busy inside the kernel or,
// when there is no time left, with any thread that has not stopped.
void TraceeSet::GiveUpOnThreads(Process* process, bool out_of_time) {
  if (!process->wanted) return;
  for (const auto& [thread, state] : process->threads) {
    if (state.stopped) continue;
    const bool sleeps = ThreadStat(reader_, process->pid, thread).state == 'D';
    const bool runs =
        state.ran_ns >= 0 &&
        ThreadRunTime(reader_, process->pid, thread).value_or(0) - state.ran_ns >= kInKernelNs;
    if (!sleeps && !runs && !out_of_time) continue;
    return Fail(process,
                sleeps ? StopProblem::kUninterruptible
                : runs ? StopProblem::kInKernel
                       : StopProblem::kDidNotStop,
                thread);
  }
}

// Returns whether there is nothing left to do for a process whose threads were all seen stopped: no
// other thread was made before they stopped, and none of them is another one by now.
bool TraceeSet::StandsStill(Process* process) {
  // Only of a stopped tracee the kernel tells its last message. The first thread may have become
  // another one: one that ran execve(2) before it was seized takes its number.
  bool stopped = true;
  for (auto& [thread, state] : process->threads) {
    unsigned long message = 0;
    if (ptrace(PTRACE_GETEVENTMSG, thread, nullptr, &message) == 0) continue;
    state = {};
    stopped = false;
  }
  // Tracees that ended are counted until they are reaped, and a first thread that has ended as long
  // as there are others. So the numbers agree only when no thread is missing; the list must be
  // followed by another look at whether they are stopped.
  const size_t expected = process->threads.size() + (process->first_has_ended ? 1 : 0);
  if (stopped && !process->threads.empty() && CountThreads(root_, process->pid) == expected) {
    process->record.stopped_ns = MonotonicNow();
    return true;
  }
  if (!SeizeThreads(process)) return true;
  if (IsOutOfTime()) {
    Fail(process, process->blocked ? StopProblem::kExec : StopProblem::kDidNotStop);
    return true;
  }
  Tell(process);
  return false;
}

// For the next part of Freeze().
void TraceeSet::SetDeadline() {
  deadline_ns_ = MonotonicNow() + MaxFreezeNs(limit_ns_) / 2;
  if (release_ns_ != 0) deadline_ns_ = std::min(deadline_ns_, release_ns_);
}

bool TraceeSet::IsOutOfTime() const { return MonotonicNow() > deadline_ns_; }

}  // namespace pagesnap
