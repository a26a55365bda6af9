#include "capture/interrupt.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include "capture/monotonic.h"

namespace pagesnap {
namespace {

std::atomic<bool> interrupted = false;
std::atomic<int64_t> first_ns = 0;  // when it was set, CLOCK_MONOTONIC
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int64_t>::is_always_lock_free,
              "a signal handler sets them");

// timeout(1) and some terminals send a signal twice at once, which asks once.
constexpr int64_t kAskedTwiceNs = 1'000'000'000;

std::array<std::atomic<bool>, NSIG> held = {};

}  // namespace

// Whoever asks again does not want to wait for a read that takes long, or for a file system that
// does not answer. Like SIGKILL, the end by a signal leaves nothing stopped and nothing half
// written.
void TakeInterrupt(int number) {
  const int error_number = errno;
  if (!interrupted.exchange(true)) {
    first_ns = MonotonicNow();
  } else if (MonotonicNow() - first_ns > kAskedTwiceNs) {
    signal(number, SIG_DFL);
    kill(getpid(), number);  // comes once a handler returns
  }
  errno = error_number;
}

const std::atomic<bool>& CatchInterrupts() {
  struct sigaction action = {};
  action.sa_handler =
      TakeInterrupt;  // without SA_RESTART: it interrupts every wait (interrupted.h)
  for (int signal : kInterrupts) {
    struct sigaction old;
    if (sigaction(signal, nullptr, &old) == 0 && old.sa_handler == SIG_IGN) continue;
    sigaction(signal, &action, nullptr);
  }
  signal(SIGPIPE, SIG_IGN);
  return interrupted;
}

// By handlers, not by pthread_sigmask(3): that is for one thread, and any thread that does not
// block a signal takes it.
HeldSignals::HeldSignals() {
  struct sigaction action = {};
  action.sa_handler = [](int signal) { held[static_cast<size_t>(signal)] = true; };
  action.sa_flags = SA_RESTART;
  for (int signal : {SIGTSTP, SIGTTIN, SIGTTOU, SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    struct sigaction old;
    if (sigaction(signal, nullptr, &old) != 0 || old.sa_handler != SIG_DFL) continue;
    held[static_cast<size_t>(signal)] = false;
    if (sigaction(signal, &action, &old) == 0) before_.emplace_back(signal, old);
  }
}

HeldSignals::~HeldSignals() {
  for (const auto& [signal, old] : before_) sigaction(signal, &old, nullptr);
  for (const auto& [signal, old] : before_) {
    if (held[static_cast<size_t>(signal)]) kill(getpid(), signal);
  }
}

}  // namespace pagesnap
