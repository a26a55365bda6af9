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
#include "capture/task_files.h"
#include "capture/tracer.h"
#include "lib/base/error.h"

namespace pagesnap {
namespace {

// What an answer may take beyond what the tracer needs. After that, the tracer hangs.
constexpr int64_t kAnswerMarginNs = 500'000'000;

std::string ProblemText(const StopRecord& record) {
  switch (record.problem) {
    case StopProblem::kNone:
      return "";
    case StopProblem::kNotPermitted:
      return "not permitted, or a debugger holds it";
    case StopProblem::kSystemError:
      return ErrnoText(record.error);
    case StopProblem::kExec:
      return "it did not stop: it was starting a program (execve)";
    case StopProblem::kUninterruptible:
      return fmt::format("thread {} did not stop: uninterruptible sleep", record.thread);
    case StopProblem::kDidNotStop:
      return "it did not stop in time: its threads got no processor, or new ones appeared";
    case StopProblem::kLimit:
      return "the freeze limit passed before it could be stopped";
  }
  return "it did not stop";
}

}  // namespace

PtraceFreezer::PtraceFreezer(const std::string& root, std::chrono::nanoseconds limit)
    : reader_(root), limit_ns_(limit.count()) {
  const pid_t self = getpid();
  if (!ShowsOwnPids(reader_, self)) {
    throw Error(
        fmt::format("processes can be frozen only under the numbers that they have for capture "
                    "itself, and '{}' shows those of another machine or pid namespace; leave out "
                    "--freeze, or run capture where that /proc is mounted",
                    root == "/" ? "/proc" : root + "/proc"));
  }
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw Error("cannot make a socket for the process that freezes others: " + ErrnoText(errno));
  }
  socket_.Reset(ends[0]);
  UniqueFd other_end(ends[1]);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // the child keeps this
  tracer_ = fork();
  if (tracer_ == 0) {
    socket_.Reset();
    RunTracer(std::move(other_end), self, root, limit_ns_);
  }
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (tracer_ < 0) {
    throw Error(
        fmt::format("cannot start the process that freezes others: {}; leave out --freeze, "
                    "or raise the limit on processes",
                    ErrnoText(error)));
  }
  if (tracer_ == 0) {
    socket_.Reset();
    RunTracer(std::move(other_end), self, root, limit_ns_);
  }
}

PtraceFreezer::~PtraceFreezer() {
  Thaw();
  GiveUp();
}

std::map<int32_t, Stop> PtraceFreezer::Freeze(std::span<const int32_t> pids) {
  if (!held_) {
    held_.emplace();
    freeze_start_ns_ = MonotonicNow();
  }
  std::set<int32_t> exempt = SelfAndAncestors(reader_, getpid());
  exempt.insert(tracer_);
  std::map<int32_t, Stop> answer;
  std::vector<int32_t> wanted;
  for (const int32_t pid : pids) {
    const bool is_exempt = exempt.contains(pid);
    answer[pid] = {.exempt = is_exempt};
    if (!is_exempt) wanted.push_back(pid);
  }
  std::vector<StopRecord> records;
  if (!wanted.empty() && Ask(TracerCommand::kFreeze, wanted, &records)) {
    for (const StopRecord& record : records) answer[record.pid] = ToStop(record);
  }
  for (auto& [pid, stop] : answer) {
    if (!stop.exempt && tracer_ < 0) stop.problem = lost_;
    stops_[pid] = stop;
  }
  return answer;
}

std::map<int32_t, Stop> PtraceFreezer::Thaw() {
  std::vector<StopRecord> records;
  const bool any =
      std::ranges::any_of(stops_, [](const auto& stop) { return !stop.second.exempt; });
  if (any && Ask(TracerCommand::kThaw, {}, &records)) {
    for (const StopRecord& record : records) stops_[record.pid] = ToStop(record);
  } else if (any) {
    // When the tracer ended is not known, so nothing is known to be read while a process stood
    // still.
    for (auto& [pid, stop] : stops_) {
      if (!stop.exempt) stop = {.first_stop_ns = stop.first_stop_ns, .problem = lost_};
    }
  }
  held_.reset();
  return std::exchange(stops_, {});
}

// Sends a request and receives the answer. When the tracer has ended or does not answer in time,
// ends it and returns false.
bool PtraceFreezer::Ask(TracerCommand command, std::span<const int32_t> pids,
                        std::vector<StopRecord>* records) {
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
      Transfer(false, &reply, sizeof reply, deadline_ns) && reply.count <= kMaxTracedProcesses) {
    records->resize(reply.count);
    if (Transfer(false, records->data(), records->size() * sizeof(StopRecord), deadline_ns)) {
      return true;
    }
  }
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
  kill(tracer_, SIGKILL);
  int status = 0;
  pid_t reaped;
  do {
    reaped = waitpid(tracer_, &status, 0);
  } while (reaped < 0 && errno == EINTR);
  tracer_ = -1;
  socket_.Reset();
  lost_ = WhyLost(status);
}

// Returns why the tracer that ended with `status` did not answer.
std::string PtraceFreezer::WhyLost(int status) const {
  const std::string who = "the process that freezes others (capture-tracer) ";
  if (is_late_) return who + "did not answer in time, and was killed";
  if (WIFSIGNALED(status)) return fmt::format("{}was killed by signal {}", who, WTERMSIG(status));
  switch (WEXITSTATUS(status)) {
    case kTracerNoThread:
      return who + "could not start a thread; raise the limit on processes (ulimit -u)";
    case kTracerOverdue:
      return who + "did not keep the limit, and ended, which releases all";
    default:
      return who + "failed, as for lack of memory";
  }
}

Stop PtraceFreezer::ToStop(const StopRecord& record) const {
  return {.first_stop_ns = record.first_stop_ns,
          .stopped_ns = record.stopped_ns,
          .released_ns = record.released_ns,
          .problem = ProblemText(record),
          .exempt = false,
          .ended = record.ended != 0};
}

}  // namespace pagesnap
