// Threads for a process that may get none.
#ifndef LIB_BASE_THREAD_H_
#define LIB_BASE_THREAD_H_

#include <new>
#include <system_error>
#include <thread>
#include <utility>

namespace pagesnap {

// Starts a thread that runs `body`, which must not throw. Returns a thread that is not joinable
// when there can be none: at a limit of processes (ulimit -u, pids.max), or without memory for its
// stack. The caller then does the work with fewer threads, or alone.
template <typename Body>
std::jthread TryStartThread(Body body) {
  try {
    return std::jthread(std::move(body));
  } catch (const std::system_error&) {
  } catch (const std::bad_alloc&) {
  }
  return {};
}

}  // namespace pagesnap

#endif  // LIB_BASE_THREAD_H_
