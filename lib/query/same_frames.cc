#include "lib/query/same_frames.h"

#include <atomic>
#include <bit>

#include "lib/base/pipeline.h"

namespace pagesnap {
namespace {

// Frames above belong to devices: they are compared when a page comes to them. 2^20 chunks are
// 256 TiB of 4 KiB frames.
constexpr uint64_t kMostChunks = uint64_t{1} << 20;

}  // namespace

SameFrames::SameFrames(FrameTable& before, FrameTable& after, const PageClassifier& classifier) {
  before.LoadAll();
  after.LoadAll();
  if (classifier.comparability() == Comparability::kNothing) {
    all_ = false;
    return;
  }
  struct Item {
    const FrameChunk* before = nullptr;
    const FrameChunk* after = nullptr;
  };
  for (uint64_t first_pfn : before.first_pfns()) {
    const uint64_t number = first_pfn / kFramesPerChunk;
    if (number < kMostChunks) {
      chunks_.resize(number + 1);
    } else if (after.Chunk(first_pfn) != nullptr) {
      all_ = false;
    }
  }
  std::atomic<bool> all = all_;
  size_t next = 0;
  auto fetch = [&](Item* item) {
    for (; next < chunks_.size(); ++next) {
      item->before = before.Chunk(next * kFramesPerChunk);
      item->after = after.Chunk(next * kFramesPerChunk);
      if (item->before == nullptr || item->after == nullptr) continue;
      chunks_[next++] = std::make_unique<FrameBits>();
      return true;
    }
    return false;
  };
  RunPipeline<Item>(fetch, [&](Item& item, size_t) {
    FrameBits* same = chunks_[item.before->first_pfn() / kFramesPerChunk].get();
    if (!Compare(*item.before, *item.after, classifier, same)) all = false;
  });
  all_ = all;
}

bool SameFrames::Compare(const FrameChunk& before, const FrameChunk& after,
                         const PageClassifier& classifier, FrameBits* same) {
  bool all = true;
  // Neighbours mostly have the same facts: those that were compared last are not compared again.
  const FrameFacts* last_before = nullptr;
  const FrameFacts* last_after = nullptr;
  bool last_same = false;
  for (uint32_t word = 0; word < same->size(); ++word) {
    const uint64_t both = before.ReferencedWord(word) & after.ReferencedWord(word);
    uint64_t bits = 0;
    for (uint64_t rest = both; rest != 0; rest &= rest - 1) {
      const auto index = static_cast<uint32_t>(word * 64 + std::countr_zero(rest));
      const FrameFacts* from = before.Find(index);
      const FrameFacts* to = after.Find(index);
      if (from != last_before || to != last_after) {
        last_before = from;
        last_after = to;
        last_same = classifier.SameFacts(*from, *to);
      }
      if (last_same) bits |= rest & -rest;
    }
    (*same)[word] = bits;
    all &= bits == both;
  }
  return all;
}

}  // namespace pagesnap
