// When the snapshots of a series are due.
#ifndef CAPTURE_TICKS_H_
#define CAPTURE_TICKS_H_

#include <cstdint>

namespace pagesnap {

// The multiples of an interval from the start of a series. A snapshot that takes longer than the
// interval, and a program that was stopped meanwhile, miss some of them: those are left out, since
// to take several snapshots at once would hold up the processes and tell nothing new.
//
// Times are in nanoseconds, on CLOCK_MONOTONIC.
class Ticks {
 public:
  // `interval_ns` is positive.
  Ticks(int64_t start_ns, int64_t interval_ns) : start_ns_(start_ns), interval_ns_(interval_ns) {}

  // Returns the first tick after `now_ns` that is not before `earliest_ns`.
  [[nodiscard]] int64_t Next(int64_t now_ns, int64_t earliest_ns) const;

  // Returns whether it is too late for the tick at `due_ns`: the next one has come, too.
  [[nodiscard]] bool IsMissed(int64_t due_ns, int64_t now_ns) const;

 private:
  int64_t start_ns_;
  int64_t interval_ns_;
};

}  // namespace pagesnap

#endif  // CAPTURE_TICKS_H_
