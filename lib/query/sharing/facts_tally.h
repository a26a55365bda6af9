// Counts the frames of a content that are alike.
#ifndef LIB_QUERY_SHARING_FACTS_TALLY_H_
#define LIB_QUERY_SHARING_FACTS_TALLY_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "lib/codec/frame_columns.h"

namespace pagesnap {

// A content mostly has frames of few kinds, in no order: so a caller looks at each kind once
// instead of at each frame. Memory does not grow with the number of kinds: one may be taken several
// times.
class FactsTally {
 public:
  // Counts a frame. Calls take(facts, is_exclusive, count) for frames of another kind if these have
  // to make room.
  template <typename Take>
  void Add(const FrameFacts& facts, bool is_exclusive, const Take& take) {
    if (last_->count > 0 && last_->is_exclusive == is_exclusive && last_->facts == facts) {
      ++last_->count;
      return;
    }
    Entry& entry = entries_[PlaceOf(facts, is_exclusive)];
    last_ = &entry;
    if (entry.count > 0 && (entry.is_exclusive != is_exclusive || entry.facts != facts)) {
      take(entry.facts, entry.is_exclusive, entry.count);
      entry.count = 0;
    } else if (entry.count == 0) {
      used_[used_count_++] = static_cast<uint8_t>(&entry - entries_.data());
    }
    if (entry.count == 0) entry = {facts, 0, is_exclusive};
    ++entry.count;
  }
  // Calls take() for all frames that were counted since the last call, and forgets them.
  template <typename Take>
  void TakeAll(const Take& take) {
    for (size_t i = 0; i < used_count_; ++i) {
      Entry& entry = entries_[used_[i]];
      take(entry.facts, entry.is_exclusive, entry.count);
      entry.count = 0;
    }
    used_count_ = 0;
  }

 private:
  static constexpr size_t kEntries = 256;
  struct Entry {
    FrameFacts facts;
    uint64_t count = 0;  // 0: free
    bool is_exclusive = false;
  };

  static size_t PlaceOf(const FrameFacts& facts, bool is_exclusive) {
    const uint64_t mixed = (facts.flags ^ (facts.cgroup << 20) ^ (facts.map_count << 43)) *
                           uint64_t{0x9e3779b97f4a7c15};
    return (mixed >> 56) ^ (is_exclusive ? 1 : 0);
  }

  std::array<Entry, kEntries> entries_;
  std::array<uint8_t, kEntries>
      used_;  // indexes of the first used_count_ entries that are not free
  size_t used_count_ = 0;
  Entry* last_ = entries_.data();
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SHARING_FACTS_TALLY_H_
