// Ctrl-C and its relatives, as a flag.
#ifndef CAPTURE_INTERRUPT_H_
#define CAPTURE_INTERRUPT_H_

#include <atomic>

namespace pagesnap {

// From now on SIGINT, SIGTERM and SIGHUP set the flag that is returned and interrupt system calls
// that wait (EINTR), and SIGPIPE is an error of write(2). The same signal more than a second later
// ends the process. Signals that were ignored stay ignored (nohup).
const std::atomic<bool>& CatchInterrupts();

}  // namespace pagesnap

#endif  // CAPTURE_INTERRUPT_H_
