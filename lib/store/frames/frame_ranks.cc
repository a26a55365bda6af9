#include "lib/store/frames/frame_ranks.h"

#include <bit>
#include <memory>

namespace pagesnap {

FrameRanks::Block& FrameRanks::AddBlock(std::atomic<Block*>* place) {
  auto block = std::make_unique<Block>();
  Block* other = nullptr;
  // Where two threads meet, the block of the first is everybody's.
  if (!place->compare_exchange_strong(other, block.get(), std::memory_order_acq_rel)) return *other;
  return *block.release();
}

uint32_t FrameRanks::Count() {
  uint32_t count = 0;
  for (const auto& place : blocks_) {
    Block* block = place.load(std::memory_order_relaxed);
    if (block == nullptr) continue;
    for (Word& word : *block) {
      word.rank = count;
      count += static_cast<uint32_t>(std::popcount(word.bits));
    }
  }
  return count;
}

uint32_t FrameRanks::NextFrom(uint32_t index) const {
  while (index < kFramesPerChunk) {
    if (BlockOf(index) == nullptr) {
      index = (index / kBlockFrames + 1) * kBlockFrames;
      continue;
    }
    const uint64_t rest = Bits(index / 64) >> (index % 64);
    if (rest != 0) return index + static_cast<uint32_t>(std::countr_zero(rest));
    index = (index / 64 + 1) * 64;
  }
  return kFramesPerChunk;
}

}  // namespace pagesnap
