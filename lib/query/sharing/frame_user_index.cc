#include "lib/query/sharing/frame_user_index.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <span>

#include "lib/base/error.h"
#include "lib/base/prefetch.h"
#include "lib/query/scan/content_scan.h"

namespace pagesnap {

FrameUserIndex::FrameUserIndex(AnalysisCache& cache, int64_t snapshot_id)
    : layout_(cache.Of<SnapshotLayout>(snapshot_id)),
      frames_(cache.reader().Frames(snapshot_id)),
      ordinals_(frames_->LoadOrdinals()) {
  SnapshotReader& reader = cache.reader();
  NumberPages(reader);
  first_.assign(frames_->frame_count(), kNone);
  std::vector<std::vector<uint64_t>> further(WorkerCount());
  ForEachContent(reader, layout_->contents(), OnDamage::kThrow,
                 [&](size_t content, std::span<const uint64_t> words, size_t worker) {
                   AddWords(content, words, &further[worker]);
                 });
  for (std::vector<uint64_t>& part : further) {
    further_.insert(further_.end(), part.begin(), part.end());
    part = {};
  }
  std::sort(further_.begin(), further_.end());
}

void FrameUserIndex::NumberPages(SnapshotReader& reader) {
  uint64_t page = 0;
  for (int64_t id : layout_->contents()) {
    first_page_.push_back(static_cast<uint32_t>(page));
    page += reader.ContentPages(id);
    if (page >= kNone) {
      throw Error("more than 4,294,967,294 distinct pages in one snapshot are not supported");
    }
  }
  first_page_.push_back(static_cast<uint32_t>(page));
  uint32_t content = 0;
  for (uint64_t next = 0; next < page; next += kPagesPerHint) {
    while (first_page_[content + 1] <= next) ++content;
    content_by_page_.push_back(content);
  }
}

void FrameUserIndex::AddWords(size_t content, std::span<const uint64_t> words,
                              std::vector<uint64_t>* further) {
  const FrameOrdinals ordinals = ordinals_;
  // Frames come in random order, and nothing is fetched for the next one while a locked write waits
  // for its own: so each step is done for many of them, and fetches what the next one needs.
  constexpr size_t kAtOnce = 64;
  struct Place {
    uint32_t ordinal;
    uint32_t page;
  };
  std::array<Place, kAtOnce> places;
  for (size_t first = 0; first < words.size(); first += kAtOnce) {
    const size_t end = std::min(first + kAtOnce, words.size());
    for (size_t i = first; i < end; ++i) {
      if (const PageWord word(words[i]); word.present()) ordinals.Prefetch(word.pfn());
    }
    size_t count = 0;
    for (size_t i = first; i < end; ++i) {
      const PageWord word(words[i]);
      // The real frame 0 is never mapped: the kernel hid the PFN.
      if (!word.present() || word.pfn() == 0) continue;
      Place& place = places[count++];
      if (!ordinals.Find(word.pfn(), &place.ordinal)) {
        throw Error("the file changed while it was read");  // LoadOrdinals() read the same words
      }
      place.page = first_page_[content] + static_cast<uint32_t>(i);
      Prefetch(&first_[place.ordinal]);
    }
    for (const Place& place : std::span(places.data(), count)) {
      uint32_t none = kNone;
      // The threads meet at the same frame; who comes first does not matter.
      if (!std::atomic_ref(first_[place.ordinal])
               .compare_exchange_strong(none, place.page, std::memory_order_relaxed)) {
        further->push_back(uint64_t{place.ordinal} << 32 | place.page);
      }
    }
  }
}

void FrameUserIndex::Find(uint32_t ordinal, std::vector<FrameUser>* users) const {
  users->clear();
  ForEachPage(ordinal, [&](size_t content, uint32_t page) {
    for (const ContentUse& use : layout_->UsesOf(content)) {
      users->push_back({use.mapping, use.first_page + page});
    }
  });
  // A content's uses are sorted already.
  if (!std::is_sorted(users->begin(), users->end())) std::sort(users->begin(), users->end());
}

}  // namespace pagesnap
