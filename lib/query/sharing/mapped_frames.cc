#include "lib/query/sharing/mapped_frames.h"

#include <algorithm>
#include <atomic>

namespace pagesnap {

MappedFrames::MappedFrames(AnalysisCache& cache, int64_t snapshot_id)
    : reader_(cache.reader()),
      layout_(cache.Of<SnapshotLayout>(snapshot_id)),
      frames_(cache.reader().Frames(snapshot_id)),
      usages_(cache.reader().Usages(snapshot_id)),
      asks_exclusive_(cache.reader().snapshot(snapshot_id).map_counts != MapCountKind::kPage) {
  // As many pages as frames: each has one.
  if (layout_->page_count() == frames_->frame_count()) return;
  ordinals_ = frames_->LoadOrdinals();
  numbers_.emplace(reader_, *layout_);
  if (asks_exclusive_) exclusive_.assign((frames_->frame_count() + 63) / 64, 0);
}

std::optional<uint64_t> MappedFrames::CountOfUsage(size_t content) const {
  const auto found = usages_->find(layout_->contents()[content]);
  if (found == usages_->end() || !found->second.complete()) return std::nullopt;
  return found->second.sums.rss + found->second.sums.hugetlb;
}

const FrameFacts& MappedFrames::FactsOf(uint64_t pfn, const LoadedFrames& frames) const {
  const FrameFacts* facts = frames.Find(pfn);
  if (facts == nullptr) frames_->ThrowNoFrame(pfn);
  return *facts;
}

uint64_t MappedFrames::FindSeveral(size_t content, std::span<const uint64_t> words,
                                   const LoadedFrames& frames, Worker* worker) {
  uint64_t count = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    Expect(words, i + kAhead, nullptr);
    const PageWord word(words[i]);
    if (!word.present() || word.pfn() == 0 || !ordinals_->IsOfSeveral(word.pfn())) continue;
    if (IsNobodys(FactsOf(word.pfn(), frames))) continue;
    AddFurther(word.pfn(), numbers_->Of(content, i), asks_exclusive_ && word.mmap_exclusive(),
               &worker->further);
    ++count;
  }
  return count;
}

void MappedFrames::AddFurther(uint64_t pfn, uint32_t page, bool is_exclusive,
                              std::vector<uint64_t>* further) {
  uint32_t ordinal = 0;
  ordinals_->Find(pfn, &ordinal);
  further->push_back(uint64_t{ordinal} << 32 | page);
  if (!is_exclusive) return;
  std::atomic_ref(exclusive_[ordinal / 64])
      .fetch_or(uint64_t{1} << ordinal % 64, std::memory_order_relaxed);
}

void MappedFrames::Sort(std::vector<Worker>* workers) {
  further_.clear();
  for (Worker& worker : *workers) {
    further_.insert(further_.end(), worker.further.begin(), worker.further.end());
    worker.further = {};
  }
  std::sort(further_.begin(), further_.end());
}

}  // namespace pagesnap
