#include "lib/store/frames/frame_slots.h"

#include <algorithm>
#include <utility>

namespace pagesnap {
namespace {

// Chunks are found by index where that takes no more than this: below 4 TiB of 4 KiB frames, and
// where the file has at least one of 64 chunks. The index takes 8 bytes for each.
constexpr uint64_t kMaxNearChunks = uint64_t{1} << 14;
constexpr uint64_t kMaxNearChunksPerSlot = 64;

}  // namespace

void FrameSlots::Add(uint64_t first_pfn, FrameSlot slot) {
  first_pfns_.push_back(first_pfn);
  slots_.push_back(std::move(slot));
}

void FrameSlots::Finish() {
  const uint64_t end = kMaxNearChunks + kMaxNearChunksPerSlot * slots_.size();
  for (size_t i = 0; i < first_pfns_.size(); ++i) {
    const uint64_t number = first_pfns_[i] / kFramesPerChunk;
    if (number >= end) break;
    near_.resize(number + 1);
    near_[number] = &slots_[i];
  }
}

const FrameSlot* FrameSlots::FindFar(uint64_t number) const {
  const uint64_t first_pfn = number * kFramesPerChunk;
  const auto found = std::lower_bound(first_pfns_.begin(), first_pfns_.end(), first_pfn);
  if (found == first_pfns_.end() || *found != first_pfn) return nullptr;
  return &slots_[static_cast<size_t>(found - first_pfns_.begin())];
}

}  // namespace pagesnap
