// What the pages of a content amount to in one snapshot: the table content_usage.
#ifndef LIB_STORE_FRAMES_CONTENT_USAGE_H_
#define LIB_STORE_FRAMES_CONTENT_USAGE_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lib/codec/frame_columns.h"
#include "lib/kernel/map_count.h"
#include "lib/kernel/page_word.h"
#include "lib/store/frames/facts_hash.h"
#include "lib/store/frames/frame_slots.h"
#include "lib/store/frames/memory_kind.h"
#include "lib/store/frames/usage_sums.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// So many present pages make a content worth a row: it takes some 40 bytes, and spares whoever asks
// for figures to decode the page words.
inline constexpr int64_t kMinPagesForUsage = 128;

// A row of the table, without its key.
struct ContentUsage {
  UsageSums sums;
  int64_t facts_hash = 0;

  // Returns whether everything that a row says is known, and no page is torn. Older captures, which
  // wrote rows with torn pages, took the kind of these from flags that were others'.
  [[nodiscard]] bool complete() const {
    return !sums.damaged && sums.unread_flags == 0 && sums.unread_map_count == 0 && sums.torn == 0;
  }
  // Adds other pages of the same content.
  void Add(const ContentUsage& more) {
    sums.Add(more.sums);
    facts_hash = FactsHash::Sum(facts_hash, more.facts_hash);
  }
  friend bool operator==(const ContentUsage&, const ContentUsage&) = default;
};

// Adds up contents of one snapshot. `Frames` is LoadedFrames or FramesOnDemand, `Hash` one of
// facts_hash.h. For one thread.
template <typename Frames, typename Hash = FactsHash>
class ContentUsageCounter {
 public:
  // Only pages whose frame is in `range` are counted.
  ContentUsageCounter(KernelRelease release, MapCountKind map_counts, uint64_t page_size,
                      Frames frames, PfnRange range = {})
      : page_size_(page_size),
        map_counts_(map_counts),
        frames_(frames),
        range_(range),
        kinds_(release, page_size, frames) {}

  // Returns what the present ones of these pages amount to.
  ContentUsage Count(std::span<const uint64_t> words) {
    ContentUsage usage;
    UsageSums sums;  // in registers
    for (size_t i = 0; i < words.size(); ++i) {
      const PageWord word(words[i]);
      // Frames come in random order. For a page that is not present this does no harm.
      if (i + kAhead < words.size()) frames_.Prefetch(PageWord(words[i + kAhead]).pfn());
      if (!word.present() || !range_.Contains(word.pfn())) continue;
      const FrameFacts* facts = frames_.Find(word.pfn());
      sums.AddPage(&kinds_, word, facts, page_size_, map_counts_);
      hash_.Add(i, facts);
    }
    usage.sums = sums;
    usage.facts_hash = hash_.Finish();
    return usage;
  }

 private:
  static constexpr size_t kAhead = 16;

  uint64_t page_size_;
  MapCountKind map_counts_;
  Frames frames_;
  PfnRange range_;
  MemoryKinds<Frames> kinds_;
  Hash hash_;
};

inline constexpr size_t kMaxFrameChunks = 1024;

// Adds the rows of a snapshot for these contents of its chunks, in any order and as often as they
// are, to a file that has all else of it. Leaves out what has unknown facts or torn pages. Goes
// over the contents once for every `max_chunks` chunks of frames, whose facts take up to 64 KiB of
// memory each: 64 MiB for 256 GiB of RAM. On up to so many threads. Throws Error when the database
// cannot be read or written.
void AddContentUsages(const Database& database, int64_t snapshot_id, KernelRelease release,
                      MapCountKind map_counts, uint64_t page_size, std::vector<int64_t> content_ids,
                      size_t worker_count, size_t max_chunks = kMaxFrameChunks);

// Returns whether a row that says `stored` is right where the pages amount to `counted`. With torn
// pages it need not agree on their kind (ContentUsage::complete).
bool IsSumOf(const ContentUsage& stored, const ContentUsage& counted);

// Calls take(content_id, usage) for each row of a snapshot; the ids are those of
// the file. Throws Error for figures that no content can have.
void LoadContentUsages(const Database& database, int64_t snapshot_id, uint64_t page_size,
                       const std::function<void(int64_t, const ContentUsage&)>& take);

}  // namespace pagesnap

#endif  // LIB_STORE_FRAMES_CONTENT_USAGE_H_
