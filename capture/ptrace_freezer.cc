#include "capture/ptrace_freezer.h"

#include <fmt/format.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/proc/parse_process.h"

namespace pagesnap {
namespace {

// A thread in an uninterruptible sleep does not stop; its memory can change only when it wakes.
constexpr std::chrono::milliseconds kPatience(500);
constexpr std::chrono::microseconds kPollInterval(50);

int64_t Now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

PtraceFreezer::PtraceFreezer(ProcReader& reader, std::chrono::nanoseconds) : reader_(reader) {}

PtraceFreezer::~PtraceFreezer() { Thaw(); }

std::map<int32_t, Stop> PtraceFreezer::Freeze(std::span<const int32_t> pids) {
  std::map<int32_t, Stop> answer;
  for (int32_t pid : pids) {
    Stop stop{.exempt = pid == getpid()};
    if (!stop.exempt) {
      stop.first_stop_ns = Now();
      stop.problem = FreezeOne(pid);
      if (stop.problem.empty()) stop.stopped_ns = Now();
    }
    stops_[pid] = answer[pid] = stop;
  }
  return answer;
}

std::string PtraceFreezer::FreezeOne(int32_t pid) {
  // A thread that is not stopped yet can make new ones: look until none appears.
  for (bool any = true; any;) {
    std::string problem = SeizeNewThreads(pid, &any);
    if (problem.empty()) problem = AwaitStops();
    if (!problem.empty()) return problem;
  }
  return "";
}

std::string PtraceFreezer::SeizeNewThreads(int32_t pid, bool* any) {
  *any = false;
  std::vector<DirectoryEntry> entries;
  try {
    entries = reader_.List(fmt::format("proc/{}/task", pid));
  } catch (const ReadError& error) {
    return error.process_gone() ? "" : error.what();
  }
  for (const DirectoryEntry& entry : entries) {
    std::optional<uint64_t> number = ParseUnsigned(entry.name);
    if (!number || threads_.contains(static_cast<pid_t>(*number))) continue;
    auto thread = static_cast<pid_t>(*number);
    if (ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0) {
      if (errno == ESRCH) continue;  // it ended
      int error = errno;
      if (HasEnded(pid, thread)) continue;  // which the kernel calls EPERM too
      if (error == EPERM) return "not permitted, or a debugger holds it";
      return ErrnoText(error);
    }
    *any = true;
    threads_[thread] = {};
    ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
  }
  return "";
}

// Returns whether nothing of a thread is left but its number. The first thread of a process keeps
// that until the last has ended.
bool PtraceFreezer::HasEnded(int32_t pid, pid_t thread) {
  try {
    std::string stat = ReadWholeText(reader_, fmt::format("proc/{}/task/{}/stat", pid, thread));
    char state = ParseProcessStat(stat).state;
    return state == 'Z' || state == 'X';
  } catch (const ReadError& error) {
    return error.process_gone();
  }
}

std::string PtraceFreezer::AwaitStops() {
  auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (auto it = threads_.begin(); it != threads_.end();) {
    if (it->second.stopped || Poll(it->first, &it->second)) {
      ++it;
    } else if (errno == ECHILD) {
      it = threads_.erase(it);  // it ended
    } else if (std::chrono::steady_clock::now() > deadline) {
      return fmt::format("thread {} did not stop", it->first);
    } else {
      std::this_thread::sleep_for(kPollInterval);
    }
  }
  return "";
}

// Returns whether the thread is stopped by now. When it has ended, errno is ECHILD.
bool PtraceFreezer::Poll(pid_t thread, Thread* state) {
  int status = 0;
  errno = 0;
  pid_t result = waitpid(thread, &status, __WALL | WNOHANG);
  if (result != thread) return false;
  if (!WIFSTOPPED(status)) {
    errno = ECHILD;
    return false;
  }
  state->stopped = true;
  // A signal may have stopped it first; it gets it when it goes on.
  if (status >> 16 != PTRACE_EVENT_STOP) state->signal = WSTOPSIG(status);
  return true;
}

std::map<int32_t, Stop> PtraceFreezer::Thaw() {
  for (auto& [pid, stop] : stops_) stop.released_ns = Now();
  for (auto& [thread, state] : threads_) {
    // Only a stopped thread can be detached. One that is not yet, is when the interrupt reaches it.
    auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!state.stopped && !Poll(thread, &state) && errno != ECHILD &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(kPollInterval);
    }
    ptrace(PTRACE_DETACH, thread, nullptr, static_cast<intptr_t>(state.signal));
  }
  threads_.clear();
  return std::exchange(stops_, {});
}

}  // namespace pagesnap
