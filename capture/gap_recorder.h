// Where the parts of a capture report what they could not read.
#ifndef CAPTURE_GAP_RECORDER_H_
#define CAPTURE_GAP_RECORDER_H_

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "lib/store/write/snapshot_writer.h"

namespace pagesnap {

// Takes gaps from several threads at once.
class GapRecorder {
 public:
  // `writer` is borrowed.
  explicit GapRecorder(SnapshotWriter& writer) : writer_(writer) {}

  void Add(const Gap& gap) {
    std::unique_lock lock(mutex_);
    if (count_++ == 0) first_reason_ = gap.source + ": " + gap.reason;
    if (holds_) return held_.push_back(gap);
    lock.unlock();
    writer_.AddGap(gap);
  }

  // From here on gaps are kept in memory, because nothing may be written.
  void Hold() {
    const std::lock_guard lock(mutex_);
    holds_ = true;
  }
  // Hands those over that were kept. Not while others add gaps.
  void Release() {
    holds_ = false;
    for (const Gap& gap : held_) writer_.AddGap(gap);
    held_.clear();
  }

  // For when all threads are done.
  [[nodiscard]] uint64_t count() const { return count_; }
  [[nodiscard]] const std::string& first_reason() const { return first_reason_; }

 private:
  SnapshotWriter& writer_;
  std::mutex mutex_;  // guards what follows
  bool holds_ = false;
  std::vector<Gap> held_;
  uint64_t count_ = 0;
  std::string first_reason_;
};

// Joins unreadable ranges of one source that follow each other into one gap.
class RangeGap {
 public:
  // `base` is the gap without its range; both are kept.
  RangeGap(GapRecorder& recorder, Gap base) : recorder_(recorder), gap_(std::move(base)) {}
  ~RangeGap() = default;
  RangeGap(const RangeGap&) = delete;
  RangeGap& operator=(const RangeGap&) = delete;

  // [first, first + count) could not be read.
  void AddUnread(uint64_t first, uint64_t count, const std::string& reason) {
    if (!gap_.first || first != next_ || reason != gap_.reason) {
      Flush();
      gap_.first = static_cast<int64_t>(first);
      gap_.reason = reason;
    }
    next_ = first + count;
    gap_.count = static_cast<int64_t>(next_) - *gap_.first;
  }

  // Nobody wants what lies in [from, to): it does not part the ranges before and behind it.
  void Skip(uint64_t from, uint64_t to) {
    if (next_ == from) next_ = to;
  }

  // The source ends: the range, if there is one, is complete.
  void Flush() {
    if (gap_.first) recorder_.Add(gap_);
    gap_.first.reset();
  }

 private:
  GapRecorder& recorder_;
  Gap gap_;
  uint64_t next_ = 0;  // where a range that follows the last one begins
};

}  // namespace pagesnap

#endif  // CAPTURE_GAP_RECORDER_H_
