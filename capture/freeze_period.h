// The time in which the processes of a snapshot are stopped.
#ifndef CAPTURE_FREEZE_PERIOD_H_
#define CAPTURE_FREEZE_PERIOD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>

#include "capture/freezer.h"
#include "capture/monotonic.h"

namespace pagesnap {

// Stores `value` where that is later.
inline void StoreMax(std::atomic<int64_t>* place, int64_t value) {
  int64_t known = *place;
  while (known < value && !place->compare_exchange_weak(known, value)) {
  }
}

// Why the processes ran on.
enum class FreezeEnd {
  kComplete,  // all was read
  kLimit,     // --freeze-limit had passed
  kFull,      // what had been read took too much memory
};

// From the first stop to the last release. What is read meanwhile is kept in memory by whoever
// reads it: as long as held() is true, nothing may be written to any file, pipe or terminal,
// because the process behind it (a FUSE server, a terminal, a pager) may be one of those that are
// stopped. Any thread may end the period; it then ends for all.
class FreezePeriod {
 public:
  // `freezer` stops and releases; it is borrowed. `limit_ns` is counted from the first StopAlso().
  FreezePeriod(Freezer& freezer, int64_t limit_ns, size_t max_bytes)
      : freezer_(freezer), limit_ns_(limit_ns), max_bytes_(max_bytes) {}
  // Releases what is still stopped.
  ~FreezePeriod();
  FreezePeriod(const FreezePeriod&) = delete;
  FreezePeriod& operator=(const FreezePeriod&) = delete;

  // Stops these processes too. For the thread that made this, before others read.
  // Returns what became of each.
  std::map<int32_t, Stop> StopAlso(std::span<const int32_t> pids);

  // Whether processes are stopped, as far as capture knows.
  [[nodiscard]] bool held() const { return held_.load(std::memory_order_acquire); }

  // Whether the limit has passed since the first StopAlso(): for the thread that made this.
  [[nodiscard]] bool limit_passed() const {
    return deadline_ns_ != 0 && MonotonicNow() >= deadline_ns_;
  }

  // Says that what was read takes so many more bytes; releases all when that is too much.
  void AddBytes(size_t bytes);
  // Releases all when the limit has passed. The freezer does that by itself; this is so that
  // writing begins.
  void CheckLimit();
  // Releases all.
  void End(FreezeEnd why);

  // After End(): why, and the record of each process.
  [[nodiscard]] FreezeEnd why() const { return why_; }
  [[nodiscard]] const std::map<int32_t, Stop>& stops() const { return stops_; }

 private:
  Freezer& freezer_;
  int64_t limit_ns_;
  size_t max_bytes_;
  int64_t deadline_ns_ = 0;
  std::atomic<bool> held_ = false;
  std::atomic<size_t> bytes_ = 0;
  std::mutex mutex_;  // guards what follows, and the release
  FreezeEnd why_ = FreezeEnd::kComplete;
  std::map<int32_t, Stop> stops_;
};

}  // namespace pagesnap

#endif  // CAPTURE_FREEZE_PERIOD_H_
