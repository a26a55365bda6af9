// All frames of a snapshot that pages map, each with its pages.
#ifndef LIB_QUERY_SHARING_MAPPED_FRAMES_H_
#define LIB_QUERY_SHARING_MAPPED_FRAMES_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lib/base/large_vector.h"
#include "lib/base/work_limit.h"
#include "lib/kernel/frame_flags.h"
#include "lib/query/scan/analysis_cache.h"
#include "lib/query/scan/content_scan.h"
#include "lib/query/scan/snapshot_layout.h"
#include "lib/query/sharing/facts_tally.h"
#include "lib/query/sharing/page_numbers.h"

namespace pagesnap {

// A page of a distinct content: an index into SnapshotLayout::contents(), and one into its words.
struct ContentPage {
  size_t content;
  uint32_t index;
};

// Most frames have one page of one content, however many mappings have that: they are found by
// content, and nothing is remembered of them. Of the others each page takes 8 bytes. (To look up
// who maps one frame there is FrameUserIndex.)
class MappedFrames {
 public:
  // Finds out which frames have several pages, on all cores. Throws Error when a content is
  // damaged, or refers to a frame that the snapshot does not have.
  MappedFrames(AnalysisCache& cache, int64_t snapshot_id);

  [[nodiscard]] const SnapshotLayout& layout() const { return *layout_; }

  // Calls visit.OfOne(page, facts, is_exclusive, frame_count) for all frames with one page, on all
  // cores: for so many that are alike, of which `page` is the page of one; those of one content on
  // one thread, one call after the other, and several contents at once. Frames for which
  // visit.NeedsPage(facts) holds come one by one, in the order of their pages.
  // Then calls visit.OfSeveral(pages, facts, is_exclusive) for each other frame, in PFN order, on
  // the calling thread. Leaves out zero pages and frames that do not exist, which are nobody's
  // memory; frames whose flags were not read are not left out. `is_exclusive` says whether a page
  // that maps the frame has bit 56: only known where the map count of a large folio need not be
  // that of its frames, otherwise false.
  // Unless Visit::kNeedsFacts, OfOne() gets facts that say nothing, so that content_usage can tell
  // how many frames a content has. Throws Error when a chunk of frames is damaged, and what `visit`
  // throws.
  template <typename Visit>
  void ForEach(Visit& visit);

 private:
  static constexpr size_t kAhead = 16;  // pages whose frames are fetched before they are needed

  // What a thread needs for the contents that it visits.
  struct Worker {
    FactsTally tally;
    std::vector<uint64_t> further;
  };

  static bool IsNobodys(const FrameFacts& facts) {
    return facts.flags != kNotRead && !IsMemory(facts.flags);
  }
  // Returns how many frames of content number `content` are memory, if content_usage says so.
  [[nodiscard]] std::optional<uint64_t> CountOfUsage(size_t content) const;
  // Adds a page of a frame of several.
  void AddFurther(uint64_t pfn, uint32_t page, bool is_exclusive, std::vector<uint64_t>* further);
  // Puts the parts into further_.
  void Sort(std::vector<Worker>* workers);
  // Has the processor fetch what the frame of a page needs that is visited soon.
  void Expect(std::span<const uint64_t> words, size_t index, const LoadedFrames* frames) const {
    if (index >= words.size()) return;
    const PageWord word(words[index]);
    if (!word.present()) return;
    if (frames != nullptr) frames->Prefetch(word.pfn());
    if (ordinals_) ordinals_->PrefetchSeveral(word.pfn());
  }
  [[nodiscard]] const FrameFacts& FactsOf(uint64_t pfn, const LoadedFrames& frames) const;
  template <typename Visit>
  void VisitContent(size_t content, std::span<const uint64_t> words, const LoadedFrames& frames,
                    Worker* worker, Visit& visit);
  // Visits only frames of several pages, and returns how many they are.
  uint64_t FindSeveral(size_t content, std::span<const uint64_t> words, const LoadedFrames& frames,
                       Worker* worker);
  template <typename Visit>
  void VisitSeveral(const LoadedFrames& frames, Visit& visit);

  SnapshotReader& reader_;
  std::shared_ptr<const SnapshotLayout> layout_;
  std::shared_ptr<FrameTable> frames_;
  std::shared_ptr<const SnapshotReader::ContentUsages> usages_;
  std::optional<FrameOrdinals> ordinals_;  // of frames_; none where each frame has one page
  std::optional<PageNumbers> numbers_;     // likewise
  bool asks_exclusive_;
  std::vector<uint64_t> further_;    // ordinal << 32 | page, ascending
  LargeVector<uint64_t> exclusive_;  // a bit for each frame, or empty
};

template <typename Visit>
void MappedFrames::ForEach(Visit& visit) {
  std::vector<size_t> contents;  // whose words are needed
  std::vector<int64_t> ids;
  for (size_t i = 0; i < layout_->contents().size(); ++i) {
    if constexpr (!Visit::kNeedsFacts) {
      const std::optional<uint64_t> count = ordinals_ ? std::nullopt : CountOfUsage(i);
      if (count) visit.OfOne({i, 0}, FrameFacts(), false, *count);
      if (count) continue;
    }
    contents.push_back(i);
    ids.push_back(layout_->contents()[i]);
  }
  if (contents.empty()) return;
  const LoadedFrames frames = frames_->LoadAll();
  std::vector<Worker> workers(WorkerCount());
  ForEachContent(reader_, ids, OnDamage::kThrow,
                 [&](size_t index, std::span<const uint64_t> words, size_t worker) {
                   VisitContent(contents[index], words, frames, &workers[worker], visit);
                 });
  if (!ordinals_) return;
  Sort(&workers);
  VisitSeveral(frames, visit);
  further_ = {};
}

template <typename Visit>
void MappedFrames::VisitContent(size_t content, std::span<const uint64_t> words,
                                const LoadedFrames& frames, Worker* worker, Visit& visit) {
  if constexpr (!Visit::kNeedsFacts) {
    if (const std::optional<uint64_t> count = CountOfUsage(content)) {
      const uint64_t several = FindSeveral(content, words, frames, worker);
      visit.OfOne({content, 0}, FrameFacts(), false, *count - std::min(*count, several));
      return;
    }
  }
  const auto take = [&](const FrameFacts& facts, bool is_exclusive, uint64_t count) {
    visit.OfOne({content, 0}, facts, is_exclusive, count);
  };
  for (size_t i = 0; i < words.size(); ++i) {
    Expect(words, i + kAhead, &frames);  // frames come in random order
    const PageWord word(words[i]);
    // The real frame 0 is never mapped: the kernel hid the PFN.
    if (!word.present() || word.pfn() == 0) continue;
    const FrameFacts& facts = FactsOf(word.pfn(), frames);
    if (IsNobodys(facts)) continue;
    const bool is_exclusive = asks_exclusive_ && word.mmap_exclusive();
    if (ordinals_ && ordinals_->IsOfSeveral(word.pfn())) {
      AddFurther(word.pfn(), numbers_->Of(content, i), is_exclusive, &worker->further);
    } else if (visit.NeedsPage(facts)) {
      visit.OfOne({content, static_cast<uint32_t>(i)}, facts, is_exclusive, 1);
    } else {
      worker->tally.Add(facts, is_exclusive, take);
    }
  }
  worker->tally.TakeAll(take);
}

template <typename Visit>
void MappedFrames::VisitSeveral(const LoadedFrames& frames, Visit& visit) {
  std::vector<ContentPage> pages;
  auto next = further_.begin();
  for (const uint64_t first_pfn : frames.first_pfns()) {
    const FrameChunk& chunk = *frames.Chunk(first_pfn);
    ordinals_->Ranks(first_pfn).ForEachOfSeveral([&](uint32_t index) {
      uint32_t ordinal = 0;
      ordinals_->Find(first_pfn + index, &ordinal);
      pages.clear();
      for (; next != further_.end() && *next >> 32 == ordinal; ++next) {
        const auto page = static_cast<uint32_t>(*next);
        const size_t content = numbers_->ContentOf(page);
        pages.push_back({content, numbers_->IndexOf(page, content)});
      }
      if (pages.empty()) return;  // nobody's
      CheckWork();
      const bool is_exclusive = asks_exclusive_ && (exclusive_[ordinal / 64] >> ordinal % 64 & 1);
      visit.OfSeveral(std::span<const ContentPage>(pages), chunk.at(index), is_exclusive);
    });
  }
}

}  // namespace pagesnap

#endif  // LIB_QUERY_SHARING_MAPPED_FRAMES_H_
