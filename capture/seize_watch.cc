#include "capture/seize_watch.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csetjmp>
#include <csignal>
#include <thread>
#include <utility>

#include "capture/monotonic.h"
#include "capture/tracer_protocol.h"

namespace pagesnap {
namespace {

constexpr std::chrono::milliseconds kLook(2);
constexpr int64_t kReapAfterNs = 2'000'000;
constexpr int64_t kGiveUpAfterNs = 10'000'000;
// To enter the trap takes a processor once; a busy machine may have to be waited for.
constexpr int64_t kHungAfterNs = 250'000'000;

// A handler that returns would not help: the kernel restarts PTRACE_SEIZE (-ERESTARTNOINTR).
sigjmp_buf give_up_point;
volatile sig_atomic_t may_give_up = 0;

void GiveUp(int) {
  if (may_give_up == 0) return;
  may_give_up = 0;
  siglongjmp(give_up_point, 1);
}

}  // namespace

SeizeWatch::SeizeWatch(std::function<void(pid_t)> say_hung)
    : say_hung_(std::move(say_hung)), tracer_(static_cast<pid_t>(syscall(SYS_gettid))) {
  struct sigaction action = {};
  action.sa_handler = GiveUp;
  sigaction(SIGUSR1, &action, nullptr);
  std::thread([this] { Watch(); }).detach();
}

int SeizeWatch::Seize(pid_t process, pid_t thread) {
  if (sigsetjmp(give_up_point, 1) != 0) {
    seizing_since_ns_ = 0;
    return EAGAIN;
  }
  may_give_up = 1;
  seizing_process_ = process;
  seizing_since_ns_ = MonotonicNow();
  const bool seized = ptrace(PTRACE_SEIZE, thread, nullptr, PTRACE_O_TRACEEXEC) == 0;
  may_give_up = 0;
  const int error = errno;
  seizing_since_ns_ = 0;
  return seized ? 0 : error;
}

void SeizeWatch::Arm() {
  armed_ = true;
  armed_.notify_one();
}

void SeizeWatch::Disarm() { armed_ = false; }

void SeizeWatch::Watch() {
  for (;;) {
    armed_.wait(false);
    for (; armed_; std::this_thread::sleep_for(kLook)) {
      const int64_t now = MonotonicNow();
      const int64_t end = end_ns_;
      if (end != 0 && now > end) _exit(kTracerOverdue);
      const int64_t since = seizing_since_ns_;
      if (since == 0 || now - since < kReapAfterNs) continue;
      {
        std::lock_guard lock(mutex_);
        for (bool found = true; found;) ReapOne(-1, &reaped_, &found);
      }
      if (now - since > kHungAfterNs) {
        say_hung_(seizing_process_);
        _exit(kTracerHung);
      }
      if (now - since > kGiveUpAfterNs) syscall(SYS_tgkill, getpid(), tracer_, SIGUSR1);
    }
  }
}

bool SeizeWatch::Reap(pid_t thread, std::vector<Event>* events) {
  std::lock_guard lock(mutex_);
  events->insert(events->end(), reaped_.begin(), reaped_.end());
  reaped_.clear();
  for (bool found = true;;) {
    if (!ReapOne(thread, events, &found)) return false;
    if (!found || thread != -1) return true;
  }
}

bool SeizeWatch::ReapOne(pid_t thread, std::vector<Event>* events, bool* found) {
  int status = 0;
  const pid_t result = waitpid(thread, &status, __WALL | WNOHANG);
  *found = result > 0;
  if (*found) events->push_back({result, status});
  return result >= 0;
}

}  // namespace pagesnap
