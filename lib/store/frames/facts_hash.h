// Hashes of what is known of the frames of a content's pages: content_usage.facts_hash.
#ifndef LIB_STORE_FRAMES_FACTS_HASH_H_
#define LIB_STORE_FRAMES_FACTS_HASH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/codec/frame_columns.h"
#include "lib/kernel/frame_flags.h"

namespace pagesnap {

// The hash of format 6, as schema/README.md says under facts_hash: a sum over the present pages,
// each with a factor of its place. So a capture can add up the pages of one range of frames after
// those of another. Flags that change by themselves are left out.
class FactsHash {
 public:
  // Adds page `index` of the content, a number below kPagesPerChunk that is higher than the last
  // one; `facts` are of its frame, null when they are not known. They stay where they are until
  // Finish().
  void Add(size_t index, const FrameFacts* facts) {
    if (facts != facts_ || index != end_) {
      EndRun();
      facts_ = facts;
      begin_ = index;
    }
    end_ = index + 1;
  }
  // Returns the hash, and starts over.
  int64_t Finish();
  // Returns the hash of the pages of both hashes, which have none in common.
  static int64_t Sum(int64_t hash, int64_t other) {
    return static_cast<int64_t>(static_cast<uint64_t>(hash) + static_cast<uint64_t>(other));
  }

 private:
  using Words = std::array<uint64_t, 3>;  // flags, map count, cgroup

  void EndRun() {
    if (begin_ == end_) return;
    const FrameFacts facts = facts_ != nullptr ? *facts_ : FrameFacts{};
    const Words words = {facts.flags & ~kVolatileFrameFlags, facts.map_count, facts.cgroup};
    if (words != words_) Hash(words);
    sum_ += hash_of_words_ * (factor_sums_[end_] - factor_sums_[begin_]);
    begin_ = end_;
  }
  void Hash(const Words& words);
  static std::span<const uint64_t> FactorSums();

  std::span<const uint64_t> factor_sums_ = FactorSums();  // of the pages before each
  const FrameFacts* facts_ = nullptr;                     // of pages [begin_, end_)
  size_t begin_ = 0;
  size_t end_ = 0;
  Words words_{};
  uint64_t hash_of_words_ = HashOf({});
  uint64_t sum_ = 0;

  static uint64_t HashOf(const Words& words);
};

// The hash of formats 2 to 5, which goes over runs of pages. For `check`.
class FactsRunHash {
 public:
  // As in FactsHash, but for the index, which makes no difference.
  void Add(size_t index, const FrameFacts* facts);
  int64_t Finish();

 private:
  std::vector<uint64_t> runs_;  // the number of pages and three facts of each
};

// For callers who do not ask for the hash.
class NoFactsHash {
 public:
  void Add(size_t, const FrameFacts*) {}
  int64_t Finish() { return 0; }
};

}  // namespace pagesnap

#endif  // LIB_STORE_FRAMES_FACTS_HASH_H_
