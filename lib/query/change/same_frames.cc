#include "lib/query/change/same_frames.h"

#include <algorithm>
#include <atomic>

#include "lib/base/pipeline.h"

namespace pagesnap {
namespace {

// Frames above belong to devices: they are compared when a page comes to them. 2^20 chunks are
// 256 TiB of 4 KiB frames.
constexpr uint64_t kMaxChunks = uint64_t{1} << 20;

void SetBits(uint32_t first, uint32_t end, FrameBits* bits) {
  while (first < end) {
    const uint32_t count = std::min(64 - first % 64, end - first);
    (*bits)[first / 64] |= ~uint64_t{0} >> (64 - count) << (first % 64);
    first += count;
  }
}

}  // namespace

SameFrames::SameFrames(LoadedFrames before, LoadedFrames after, const PageClassifier& classifier) {
  if (classifier.comparability() == Comparability::kNothing) {
    all_ = false;
    return;
  }
  for (uint64_t first_pfn : before.first_pfns()) {
    const Pair pair(before.Chunk(first_pfn), after.Chunk(first_pfn));
    if (pair.first == nullptr || pair.second == nullptr) continue;
    const uint64_t number = first_pfn / kFramesPerChunk;
    if (number < kMaxChunks) {
      chunks_.resize(number + 1);
      FrameBits*& bits = bits_[pair];
      if (bits == nullptr) bits = new (pool_.Take(sizeof(FrameBits))) FrameBits{};
      chunks_[number] = bits;
    } else {
      all_ = false;
    }
  }
  std::atomic<bool> all = all_;
  auto next = bits_.begin();
  auto fetch = [&](std::pair<const Pair, FrameBits*>** item) {
    if (next == bits_.end()) return false;
    *item = &*next++;
    return true;
  };
  RunPipeline<std::pair<const Pair, FrameBits*>*>(fetch, [&](auto* item, size_t) {
    const auto& [from, to] = item->first;
    if (!Compare(*from, *to, classifier, item->second)) all = false;
  });
  all_ = all;
}

bool SameFrames::Compare(const FrameChunk& before, const FrameChunk& after,
                         const PageClassifier& classifier, FrameBits* same) {
  bool all = true;
  uint32_t before_end = 0;
  uint32_t after_end = 0;
  for (uint32_t first = 0; first < kFramesPerChunk;) {
    // Only where a run ends: the next may be long, and is gone through to find its end.
    if (first == before_end) before_end = before.EndOf(first);
    if (first == after_end) after_end = after.EndOf(first);
    const uint32_t end = std::min(before_end, after_end);
    if (classifier.SameFacts(before.at(first), after.at(first))) {
      SetBits(first, end, same);
    } else {
      all = false;
    }
    first = end;
  }
  return all;
}

}  // namespace pagesnap
