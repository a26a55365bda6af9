// Ctrl-C and its relatives: as a flag, or held back for a while.
#ifndef CAPTURE_INTERRUPT_H_
#define CAPTURE_INTERRUPT_H_

#include <array>
#include <atomic>
#include <csignal>
#include <utility>
#include <vector>

namespace pagesnap {

// The signals that ask to end.
inline constexpr std::array kInterrupts = {SIGINT, SIGTERM, SIGHUP};

// From now on kInterrupts set the flag that is returned and interrupt system calls that wait
// (EINTR), and SIGPIPE is an error of write(2). The same signal more than a second later
// ends the process. Signals that were ignored stay ignored (nohup).
const std::atomic<bool>& CatchInterrupts();

// Takes a signal that was caught, as the handler does. Safe in a signal handler, and for a thread
// that took the signal by sigwait(3).
void TakeInterrupt(int number);

// Holds back the signals that would stop or end this process (SIGTSTP, SIGTTIN, SIGTTOU, SIGINT,
// SIGTERM, SIGHUP, SIGQUIT), whichever of its threads the kernel chooses for them. Those that the
// process ignores or handles itself, as after CatchInterrupts(), are left as they are. One at a
// time.
class HeldSignals {
 public:
  HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  // Restores what was, and sends the process the signals that came meanwhile.
  ~HeldSignals();

 private:
  std::vector<std::pair<int, struct sigaction>> before_;
};

}  // namespace pagesnap

#endif  // CAPTURE_INTERRUPT_H_
