// System calls that end when the user asks to stop.
#ifndef LIB_BASE_INTERRUPTED_H_
#define LIB_BASE_INTERRUPTED_H_

#include <atomic>
#include <cerrno>

#include "lib/base/error.h"

namespace pagesnap {

// The user asked to stop (SIGINT, SIGTERM). Whoever turns an Error into a gap goes on until the
// next call throws this again; nothing of the snapshot is kept.
class Interrupted : public Error {
 public:
  Interrupted() : Error("interrupted; nothing was written") {}
};

// Throws Interrupted when the flag, which a signal handler sets, is set. Null: nobody can ask.
inline void CheckInterrupted(const std::atomic<bool>* interrupted) {
  if (interrupted != nullptr && *interrupted) throw Interrupted();
}

// Calls `call` until no signal interrupts it (a negative result with EINTR, which waits end with
// because handlers are set without SA_RESTART), and returns its result with errno as it set it.
// Throws Interrupted when the flag is set before a call.
template <typename Call>
auto RetryInterrupted(const std::atomic<bool>* interrupted, Call call) {
  for (;;) {
    CheckInterrupted(interrupted);
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

}  // namespace pagesnap

#endif  // LIB_BASE_INTERRUPTED_H_
