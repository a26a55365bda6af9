// What the pages of a content amount to in one snapshot: the table content_usage.
#ifndef LIB_STORE_FRAMES_CONTENT_USAGE_H_
#define LIB_STORE_FRAMES_CONTENT_USAGE_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lib/codec/frame_columns.h"
#include "lib/kernel/page_word.h"
#include "lib/store/frames/memory_kind.h"
#include "lib/store/frames/usage_sums.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// So many present pages make a content worth a row: it takes some 40 bytes, and spares whoever asks
// for figures to decode the page words.
inline constexpr int64_t kMinPagesForUsage = 128;

// Hashes what is known of the frames of present pages, in the order of the pages, as
// schema/README.md says under facts_hash. Flags that change by themselves are left out.
class FactsHash {
 public:
  // Adds the next page; `facts` are of its frame, null when they are not known. They stay where
  // they are until Finish().
  void Add(const FrameFacts* facts) {
    if (facts != facts_) {
      EndRun();
      facts_ = facts;
    }
    ++page_count_;
  }
  // Returns the hash, and starts over.
  int64_t Finish();

 private:
  void EndRun();

  const FrameFacts* facts_ = nullptr;  // of the last pages
  uint64_t page_count_ = 0;            // so many
  std::vector<uint64_t> runs_;         // before them: the count and three facts of each
};

// A row of the table, without its key.
struct ContentUsage {
  UsageSums sums;
  int64_t facts_hash = 0;

  // Returns whether everything that a row says is known.
  [[nodiscard]] bool complete() const {
    return !sums.damaged && sums.unread_flags == 0 && sums.unread_map_count == 0;
  }
  friend bool operator==(const ContentUsage&, const ContentUsage&) = default;
};

// Adds up contents of one snapshot. `Frames` is LoadedFrames or FramesOnDemand. For one
// thread.
template <typename Frames>
class ContentUsageCounter {
 public:
  ContentUsageCounter(KernelRelease release, uint64_t page_size, Frames frames)
      : page_size_(page_size), frames_(frames), kinds_(release, page_size, frames) {}

  // Returns what the present ones of these pages amount to.
  ContentUsage Count(std::span<const uint64_t> words) {
    ContentUsage usage;
    UsageSums sums;  // in registers
    for (size_t i = 0; i < words.size(); ++i) {
      const PageWord word(words[i]);
      // Frames come in random order. For a page that is not present this does no harm.
      if (i + kAhead < words.size()) frames_.Prefetch(PageWord(words[i + kAhead]).pfn());
      if (!word.present()) continue;
      const FrameFacts* facts = frames_.Find(word.pfn());
      sums.AddPage(&kinds_, word.pfn(), facts, page_size_);
      hash_.Add(facts);
    }
    usage.sums = sums;
    usage.facts_hash = hash_.Finish();
    return usage;
  }

 private:
  static constexpr size_t kAhead = 16;

  uint64_t page_size_;
  Frames frames_;
  MemoryKinds<Frames> kinds_;
  FactsHash hash_;
};

// Adds the rows of a snapshot for these contents of its chunks, in any order and as often as they
// are, to a file that has all else of it. Leaves out what has unknown facts, and all where the
// facts of the frames would take more memory than a capture may: readers then add up for
// themselves. On up to so many threads. Throws Error when the database cannot be read or written.
void AddContentUsages(const Database& database, int64_t snapshot_id, KernelRelease release,
                      uint64_t page_size, std::vector<int64_t> content_ids, size_t worker_count);

// Calls take(content_id, usage) for each row of a snapshot; the ids are those of the file. Throws
// Error for figures that no content can have.
void LoadContentUsages(const Database& database, int64_t snapshot_id, uint64_t page_size,
                       const std::function<void(int64_t, const ContentUsage&)>& take);

}  // namespace pagesnap

#endif  // LIB_STORE_FRAMES_CONTENT_USAGE_H_
