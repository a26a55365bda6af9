// The clock that capture and its tracer share.
#ifndef CAPTURE_MONOTONIC_H_
#define CAPTURE_MONOTONIC_H_

#include <cstdint>
#include <ctime>

namespace pagesnap {

// Returns CLOCK_MONOTONIC in nanoseconds.
inline int64_t MonotonicNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace pagesnap

#endif  // CAPTURE_MONOTONIC_H_
