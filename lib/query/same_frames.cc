#include "lib/query/same_frames.h"

#include <algorithm>
#include <atomic>

#include "lib/base/pipeline.h"

namespace pagesnap {
namespace {

// Frames above belong to devices: they are compared when a page comes to them. 2^20 chunks are
// 256 TiB of 4 KiB frames.
constexpr uint64_t kMostChunks = uint64_t{1} << 20;

void SetBits(uint32_t first, uint32_t end, FrameBits* bits) {
  while (first < end) {
    const uint32_t count = std::min(64 - first % 64, end - first);
    (*bits)[first / 64] |= ~uint64_t{0} >> (64 - count) << (first % 64);
    first += count;
  }
}

// As Compare(), run by run.
bool CompareRuns(const FrameChunk& before, const FrameChunk& after,
                 const PageClassifier& classifier, FrameBits* same) {
  bool all = true;
  for (uint32_t first = 0; first < kFramesPerChunk;) {
    const uint32_t end = std::min(before.EndOf(first), after.EndOf(first));
    if (classifier.SameFacts(before.at(first), after.at(first))) {
      SetBits(first, end, same);
    } else {
      all = false;
    }
    first = end;
  }
  return all;
}

}  // namespace

SameFrames::SameFrames(const FrameTable& before, const FrameTable& after,
                       const PageClassifier& classifier) {
  if (classifier.comparability() == Comparability::kNothing) {
    all_ = false;
    return;
  }
  for (uint64_t first_pfn : before.first_pfns()) {
    const Pair pair(before.LoadedChunk(first_pfn), after.LoadedChunk(first_pfn));
    if (pair.first == nullptr || pair.second == nullptr) continue;
    const uint64_t number = first_pfn / kFramesPerChunk;
    if (number < kMostChunks) {
      chunks_.resize(number + 1);
      chunks_[number] = &bits_[pair];
    } else {
      all_ = false;
    }
  }
  std::atomic<bool> all = all_;
  auto next = bits_.begin();
  auto fetch = [&](std::pair<const Pair, FrameBits>** item) {
    if (next == bits_.end()) return false;
    *item = &*next++;
    return true;
  };
  RunPipeline<std::pair<const Pair, FrameBits>*>(fetch, [&](auto* item, size_t) {
    const auto& [from, to] = item->first;
    if (!Compare(*from, *to, classifier, &item->second)) all = false;
  });
  all_ = all;
}

bool SameFrames::Compare(const FrameChunk& before, const FrameChunk& after,
                         const PageClassifier& classifier, FrameBits* same) {
  if (before.in_runs() || after.in_runs()) return CompareRuns(before, after, classifier, same);
  bool all = true;
  // Neighbours mostly have the same facts: those that were compared last are not compared again.
  const FrameFacts* last_before = nullptr;
  const FrameFacts* last_after = nullptr;
  bool last_same = false;
  for (uint32_t word = 0; word < same->size(); ++word) {
    uint64_t bits = 0;
    for (uint32_t i = 0; i < 64; ++i) {
      const FrameFacts* from = &before.at(word * 64 + i);
      const FrameFacts* to = &after.at(word * 64 + i);
      if (from != last_before || to != last_after) {
        last_before = from;
        last_after = to;
        last_same = classifier.SameFacts(*from, *to);
      }
      if (last_same) bits |= uint64_t{1} << i;
    }
    (*same)[word] = bits;
    all &= bits == ~uint64_t{0};
  }
  return all;
}

}  // namespace pagesnap
