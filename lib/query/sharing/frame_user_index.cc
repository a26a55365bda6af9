#include "lib/query/sharing/frame_user_index.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <span>

#include "lib/base/error.h"
#include "lib/base/prefetch.h"
#include "lib/query/scan/content_scan.h"

namespace pagesnap {

FrameUserIndex::FrameUserIndex(AnalysisCache& cache, int64_t snapshot_id, uint32_t max_frames)
    : reader_(cache.reader()),
      layout_(cache.Of<SnapshotLayout>(snapshot_id)),
      frames_(cache.reader().Frames(snapshot_id)),
      ordinals_(frames_->LoadOrdinals()),
      numbers_(cache.reader(), *layout_),
      windows_(MakeWindows(*frames_, ordinals_, max_frames)) {}

// A chunk is in one window: whether a page is wanted then takes no look-up.
std::vector<FrameUserIndex::Window> FrameUserIndex::MakeWindows(const FrameTable& frames,
                                                                const FrameOrdinals& ordinals,
                                                                uint32_t max_frames) {
  std::vector<Window> windows;
  const std::vector<uint64_t>& starts = frames.first_pfns();
  for (size_t i = 0; i < starts.size(); ++i) {
    const uint32_t first = ordinals.FirstOf(starts[i]);
    const uint32_t end =
        i + 1 < starts.size() ? ordinals.FirstOf(starts[i + 1]) : frames.frame_count();
    if (windows.empty() || end - windows.back().first_ordinal > max_frames) {
      windows.push_back({.pfns = {.first = starts[i]}, .first_ordinal = first});
    }
    windows.back().pfns.last = starts[i] + (kFramesPerChunk - 1);
    windows.back().frame_count = end - windows.back().first_ordinal;
  }
  return windows;
}

void FrameUserIndex::Load(uint32_t ordinal) {
  window_ = *(std::ranges::upper_bound(windows_, ordinal, {}, &Window::first_ordinal) - 1);
  further_.clear();
  first_.assign(window_.frame_count, kNone);
  std::vector<std::vector<uint64_t>> further(WorkerCount());
  ForEachContent(reader_, layout_->contents(), OnDamage::kThrow,
                 [&](size_t content, std::span<const uint64_t> words, size_t worker) {
                   AddWords(content, words, &further[worker]);
                 });
  for (std::vector<uint64_t>& part : further) {
    further_.insert(further_.end(), part.begin(), part.end());
    part = {};
  }
  std::sort(further_.begin(), further_.end());
}

void FrameUserIndex::AddWords(size_t content, std::span<const uint64_t> words,
                              std::vector<uint64_t>* further) {
  const FrameOrdinals ordinals = ordinals_;
  // Frames come in random order, and nothing is fetched for the next one while a locked write waits
  // for its own: so each step is done for many of them, and fetches what the next one needs.
  constexpr size_t kAtOnce = 64;
  struct Place {
    uint32_t ordinal;  // less that of the window's first frame
    uint32_t page;
  };
  std::array<Place, kAtOnce> places;
  for (size_t first = 0; first < words.size(); first += kAtOnce) {
    const size_t end = std::min(first + kAtOnce, words.size());
    for (size_t i = first; i < end; ++i) {
      if (const PageWord word(words[i]); IsWanted(word)) ordinals.Prefetch(word.pfn());
    }
    size_t count = 0;
    for (size_t i = first; i < end; ++i) {
      const PageWord word(words[i]);
      if (!IsWanted(word)) continue;
      Place& place = places[count++];
      if (!ordinals.Find(word.pfn(), &place.ordinal)) {
        throw Error("the file changed while it was read");  // LoadOrdinals() read the same words
      }
      place.ordinal -= window_.first_ordinal;
      place.page = numbers_.Of(content, i);
      Prefetch(&first_[place.ordinal]);
    }
    for (const Place& place : std::span(places.data(), count)) {
      uint32_t none = kNone;
      // The threads meet at the same frame; who comes first does not matter.
      if (!std::atomic_ref(first_[place.ordinal])
               .compare_exchange_strong(none, place.page, std::memory_order_relaxed)) {
        further->push_back(uint64_t{window_.first_ordinal + place.ordinal} << 32 | place.page);
      }
    }
  }
}

void FrameUserIndex::Find(uint32_t ordinal, std::vector<FrameUser>* users) {
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
