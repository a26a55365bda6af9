#include "lib/store/frames/frame_ranks.h"

#include <bit>
#include <new>

namespace pagesnap {
namespace {

// With fewer, most blocks have none.
constexpr uint32_t kManyFrames = 2048;

}  // namespace

FrameRanks::FrameRanks(LargePool& pool, uint32_t frame_count) : pool_(pool) {
  if (frame_count < kManyFrames) blocks_ = std::make_unique<Blocks>();
}

FrameRanks::Block* FrameRanks::AddBlocks(std::atomic<Block*>* place) {
  static_assert(sizeof(Block) * kBlocks <= LargePool::kMaxPiece && sizeof(Block) % 64 == 0);
  const size_t count = place == &all_ ? kBlocks : 1;
  auto* const blocks = new (pool_.Take(sizeof(Block) * count)) Block[count];
  Block* other = nullptr;
  // Where two threads meet, the blocks of the first are everybody's, and the others nobody's.
  return place->compare_exchange_strong(other, blocks, std::memory_order_acq_rel) ? blocks : other;
}

uint32_t FrameRanks::Count() {
  uint32_t count = 0;
  for (uint32_t index = 0; index < kFramesPerChunk; index += kBlockFrames) {
    auto* const block = const_cast<Block*>(BlockOf(index));
    if (block == nullptr) continue;
    for (size_t i = 0; i < block->bits.size(); ++i) {
      block->ranks[i] = count;
      count += static_cast<uint32_t>(std::popcount(block->bits[i]));
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
