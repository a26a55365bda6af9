#include "capture/ptrace_freezer.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <set>
#include <utility>

#include "capture/monotonic.h"
#include "capture/stop_problem.h"
#include "capture/task_files.h"
#include "lib/base/error.h"
#include "lib/proc/own_pids.h"
#include "lib/proc/threads.h"

namespace pagesnap {
namespace {

// What an answer may take beyond what the tracer needs. After that, the tracer hangs.
constexpr int64_t kAnswerMarginNs = 500'000'000;

// Tracers for one call of Freeze(); the last one is given no process that may be of the kind.
constexpr int kMaxAttempts = 3;

constexpr char kHangs[] =
    "it cannot be stopped: the kernel holds it, as when it was stopped in a cgroup that is frozen";

// Returns `root` if its proc shows the processes under the numbers that they have for capture.
const std::string& CheckedRoot(const std::string& root) {
  DirectoryReader reader(root);
  if (ShowsOwnPids(reader, getpid())) return root;
  throw Error(
      fmt::format("processes can be frozen only under the numbers that they have for capture "
                  "itself, and '{}' shows those of another machine or pid namespace; leave out "
                  "--freeze, or run capture where that /proc is mounted",
                  root == "/" ? "/proc" : root + "/proc"));
}

}  // namespace

PtraceFreezer::PtraceFreezer(const std::string& root, std::chrono::nanoseconds limit)
    : reader_(CheckedRoot(root)), limit_ns_(limit.count()), parent_(root, limit_ns_) {
  StartTracer();
  if (tracer_ < 0) throw Error(lost_);
}

PtraceFreezer::~PtraceFreezer() {
  Thaw();
  GiveUp();
}

std::map<int32_t, Stop> PtraceFreezer::Freeze(std::span<const int32_t> pids) {
  if (!held_) {
    held_.emplace();
    freeze_start_ns_ = MonotonicNow();
    if (tracer_ < 0) StartTracer();
  }
  std::set<int32_t> exempt = SelfAndAncestors(reader_, getpid());
  exempt.insert({tracer_, parent_.pid()});
  std::vector<int32_t> wanted;
  for (const int32_t pid : pids) {
    const bool is_exempt = exempt.contains(pid);
    stops_[pid] = {.exempt = is_exempt};
    if (!is_exempt) wanted.push_back(pid);
  }
  StopAll(std::move(wanted));
  std::map<int32_t, Stop> answer;
  for (const int32_t pid : pids) answer[pid] = stops_.at(pid);
  return answer;
}

// Leaves lost_ empty when there is a tracer afterwards.
void PtraceFreezer::StartTracer() {
  TracerParent::Tracer tracer = parent_.Start();
  tracer_ = tracer.pid;
  socket_ = std::move(tracer.socket);
  is_late_ = false;
  lost_.clear();
  if (tracer_ < 0) {
    lost_ = "cannot start the process that freezes others (capture-tracer): " + tracer.problem;
  }
}

// Stops these processes, beside those that are stopped already. A process that makes the tracer
// hang costs all others a new tracer, which stops them again.
void PtraceFreezer::StopAll(std::vector<int32_t> pids) {
  std::vector<StopRecord> records;
  for (int attempt = 1; !pids.empty(); ++attempt) {
    if (Ask(TracerCommand::kFreeze, pids, &records)) {
      for (const StopRecord& record : records) stops_[record.pid] = ToStop(record);
      return;
    }
    if (hung_pid_ == 0 || attempt == kMaxAttempts) break;
    stops_[hung_pid_].problem = kHangs;
    // There may be many of the kind, and each would cost a tracer.
    pids = ToStopAgain(/*also_asleep=*/attempt + 1 < kMaxAttempts);
    StartTracer();
    freeze_start_ns_ = MonotonicNow();
  }
  for (auto& [pid, stop] : stops_) {
    if (!stop.exempt && stop.problem.empty() && tracer_ < 0) stop.problem = lost_;
  }
}

// Returns the processes that nothing speaks against stopping; without `also_asleep` not those whose
// state could be that of one that hangs: a frozen thread is shown as D, whatever it was before
// (__task_state_index() in include/linux/sched.h).
std::vector<int32_t> PtraceFreezer::ToStopAgain(bool also_asleep) {
  std::vector<int32_t> pids;
  for (auto& [pid, stop] : stops_) {
    if (stop.exempt || !stop.problem.empty()) continue;
    const char state = also_asleep ? 'R' : ThreadStat(reader_, pid, pid).state;
    if (state == 'T' || state == 'D') {
      stop = {.problem = kHangs};
    } else {
      pids.push_back(pid);
    }
  }
  return pids;
}

std::map<int32_t, Stop> PtraceFreezer::Thaw() {
  std::vector<StopRecord> records;
  const bool any =
      std::ranges::any_of(stops_, [](const auto& stop) { return !stop.second.exempt; });
  if (any && Ask(TracerCommand::kThaw, {}, &records)) {
    for (const StopRecord& record : records) {
      Stop& stop = stops_[record.pid];
      // What was said first is closest to the cause: a debugger may have gone meanwhile.
      std::string problem = std::move(stop.problem);
      stop = ToStop(record);
      if (!problem.empty()) stop.problem = std::move(problem);
    }
  } else if (any) {
    // When the tracer ended is not known, so nothing is known to be read while a process stood
    // still.
    for (auto& [pid, stop] : stops_) {
      if (stop.exempt) continue;
      stop = {.first_stop_ns = stop.first_stop_ns,
              .problem = stop.problem.empty() ? lost_ : stop.problem};
    }
  }
  held_.reset();
  return std::exchange(stops_, {});
}

// Sends a request and receives the answer. When the tracer has ended or does not answer in time,
// ends it and returns false.
bool PtraceFreezer::Ask(TracerCommand command, std::span<const int32_t> pids,
                        std::vector<StopRecord>* records) {
  hung_pid_ = 0;
  if (tracer_ < 0) return false;
  // To let go takes no longer than the limit leaves: a tracer that was stopped keeps its targets.
  const int64_t now = MonotonicNow();
  const int64_t due_ns = command == TracerCommand::kThaw
                             ? std::max(now, freeze_start_ns_ + limit_ns_)
                             : now + MaxFreezeNs(limit_ns_);
  const int64_t deadline_ns = due_ns + kAnswerMarginNs;
  TracerRequest request = {.command = command, .count = static_cast<uint32_t>(pids.size())};
  TracerReply reply = {};
  std::vector<int32_t> sent(pids.begin(), pids.end());
  if (Transfer(true, &request, sizeof request, deadline_ns) &&
      Transfer(true, sent.data(), sent.size() * sizeof(int32_t), deadline_ns) &&
      Transfer(false, &reply, sizeof reply, deadline_ns) && reply.hung_pid == 0 &&
      reply.count <= kMaxTracedProcesses) {
    records->resize(reply.count);
    if (Transfer(false, records->data(), records->size() * sizeof(StopRecord), deadline_ns)) {
      return true;
    }
  }
  hung_pid_ = reply.hung_pid;
  GiveUp();
  return false;
}

// Sends or receives all of `data`. Returns false when the tracer has ended or the time is up.
bool PtraceFreezer::Transfer(bool send, void* data, size_t size, int64_t deadline_ns) {
  char* next = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t done = send ? ::send(socket_.get(), next, size, MSG_NOSIGNAL | MSG_DONTWAIT)
                              : recv(socket_.get(), next, size, MSG_DONTWAIT);
    if (done > 0) {
      next += done;
      size -= static_cast<size_t>(done);
      continue;
    }
    if (done == 0 || (errno != EAGAIN && errno != EINTR)) return false;
    const int64_t left = deadline_ns - MonotonicNow();
    is_late_ = left <= 0;
    if (is_late_) return false;
    const timespec time = {.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    pollfd file = {
        .fd = socket_.get(), .events = static_cast<short>(send ? POLLOUT : POLLIN), .revents = 0};
    ppoll(&file, 1, &time, nullptr);
  }
  return true;
}

// Ends the tracer; the kernel lets all that it holds run on.
void PtraceFreezer::GiveUp() {
  if (tracer_ < 0) return;
  const std::optional<int> status = parent_.End();
  tracer_ = -1;
  socket_.Reset();
  lost_ = WhyLost(status);
}

// Returns why the tracer that ended with `status` did not answer.
std::string PtraceFreezer::WhyLost(std::optional<int> status) const {
  const std::string who = "the process that freezes others (capture-tracer) ";
  if (is_late_) return who + "did not answer in time, and was killed";
  if (!status) return who + "has ended, and so has the one that starts it (capture-forker)";
  if (WIFSIGNALED(*status)) return fmt::format("{}was killed by signal {}", who, WTERMSIG(*status));
  switch (WEXITSTATUS(*status)) {
    case kTracerNoThread:
      return fmt::format("{}could not start a thread; {}", who, kProcessLimitAdvice);
    case kTracerHung:
      return who + "hung while it stopped a process";
    case kTracerOverdue:
      return who + "did not keep the limit, and ended, which releases all";
    default:
      return who + "failed, as for lack of memory";
  }
}

Stop PtraceFreezer::ToStop(const StopRecord& record) {
  return {.first_stop_ns = record.first_stop_ns,
          .stopped_ns = record.stopped_ns,
          .released_ns = record.released_ns,
          .problem = ProblemText(record, limit_ns_, reader_),
          .exempt = false,
          .ended = record.ended != 0};
}

}  // namespace pagesnap
