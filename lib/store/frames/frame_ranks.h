// Which frames of a chunk the pages of a snapshot refer to.
#ifndef LIB_STORE_FRAMES_FRAME_RANKS_H_
#define LIB_STORE_FRAMES_FRAME_RANKS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "lib/base/large_pool.h"
#include "lib/base/prefetch.h"
#include "lib/codec/frame_columns.h"

namespace pagesnap {

// Takes up to 20 KiB: 320 bytes for each block of frames with one that pages refer to; or for all
// blocks, side by side, where there will be many frames.
class FrameRanks {
 public:
  // `frame_count`: how many frames there will be. `pool` is borrowed, and must outlive this.
  FrameRanks(LargePool& pool, uint32_t frame_count);
  FrameRanks(const FrameRanks&) = delete;
  FrameRanks& operator=(const FrameRanks&) = delete;

  // Several threads may insert at once; Count() comes after them and before what follows it.
  // A frame that is inserted again is one of several pages.
  void Insert(uint32_t index) {
    Block& block = BlockFor(index);
    const uint32_t number = index % kBlockFrames / 64;
    const uint64_t bit = uint64_t{1} << (index % 64);
    if (Set(&block.bits[number], bit)) return;
    Set(&block.several[number], bit);
    if (!has_several()) has_several_.store(true, std::memory_order_relaxed);
  }
  // Returns the number of frames.
  uint32_t Count();

  // Has the processor fetch what Insert() and Find() need.
  void Prefetch(uint32_t index) const {
    const Block* block = BlockOf(index);
    if (block != nullptr) pagesnap::Prefetch(&block->bits[index % kBlockFrames / 64]);
  }
  // The same for IsOfSeveral().
  void PrefetchSeveral(uint32_t index) const {
    if (!has_several()) return;
    const Block* block = BlockOf(index);
    if (block != nullptr) pagesnap::Prefetch(&block->several[index % kBlockFrames / 64]);
  }

  // Sets `rank` to the number of frames before the one at `index`; false when no page refers to it.
  bool Find(uint32_t index, uint32_t* rank) const {
    const Block* block = BlockOf(index);
    if (block == nullptr) return false;
    const uint32_t number = index % kBlockFrames / 64;
    const uint64_t bits = block->bits[number];
    const uint64_t bit = uint64_t{1} << (index % 64);
    *rank = block->ranks[number] + static_cast<uint32_t>(__builtin_popcountll(bits & (bit - 1)));
    return (bits & bit) != 0;
  }
  // Calls visit(index) for each frame, in PFN order.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (uint32_t first = 0; first < kFramesPerChunk; first += 64) {
      for (uint64_t bits = Bits(first / 64); bits != 0; bits &= bits - 1) {
        visit(first + static_cast<uint32_t>(__builtin_ctzll(bits)));
      }
    }
  }
  // Returns whether several pages of distinct contents refer to a frame that there is.
  [[nodiscard]] bool IsOfSeveral(uint32_t index) const {
    if (!has_several()) return false;
    const uint64_t bits = BlockOf(index)->several[index % kBlockFrames / 64];
    return (bits >> index % 64 & 1) != 0;
  }
  // Calls visit(index) for each of these, in PFN order.
  template <typename Visit>
  void ForEachOfSeveral(const Visit& visit) const {
    for (uint32_t first = 0; first < kFramesPerChunk; first += 64) {
      const Block* block = BlockOf(first);
      if (block == nullptr) continue;
      for (uint64_t bits = block->several[first % kBlockFrames / 64]; bits != 0; bits &= bits - 1) {
        visit(first + static_cast<uint32_t>(__builtin_ctzll(bits)));
      }
    }
  }
  // Returns which of the frames from number * 64 on there are: bit i for frame i of them.
  [[nodiscard]] uint64_t Bits(uint32_t number) const {
    const Block* block = BlockOf(number * 64);
    return block != nullptr ? block->bits[number % (kBlockFrames / 64)] : 0;
  }
  // Returns the first frame from `index` on, or kFramesPerChunk.
  [[nodiscard]] uint32_t NextFrom(uint32_t index) const;

 private:
  static constexpr uint32_t kBlockFrames = 1024;
  static constexpr uint32_t kBlocks = kFramesPerChunk / kBlockFrames;
  struct Block {
    std::array<uint64_t, kBlockFrames / 64> bits = {};
    std::array<uint64_t, kBlockFrames / 64> several = {};
    std::array<uint32_t, kBlockFrames / 64> ranks = {};  // frames before each word of `bits`
  };
  using Blocks = std::array<std::atomic<Block*>, kBlocks>;

  // Returns whether the bit was not set yet. A look is cheaper than a locked write, and most pages
  // of a file are known already.
  static bool Set(uint64_t* word, uint64_t bit) {
    std::atomic_ref bits(*word);
    if ((bits.load(std::memory_order_relaxed) & bit) != 0) return false;
    return (bits.fetch_or(bit, std::memory_order_relaxed) & bit) == 0;
  }

  [[nodiscard]] bool has_several() const { return has_several_.load(std::memory_order_relaxed); }
  [[nodiscard]] const Block* BlockOf(uint32_t index) const {
    if (blocks_ != nullptr) {
      return (*blocks_)[index / kBlockFrames].load(std::memory_order_relaxed);
    }
    const Block* all = all_.load(std::memory_order_relaxed);
    return all != nullptr ? all + index / kBlockFrames : nullptr;
  }
  Block& BlockFor(uint32_t index) {
    std::atomic<Block*>& place = blocks_ != nullptr ? (*blocks_)[index / kBlockFrames] : all_;
    Block* block = place.load(std::memory_order_acquire);
    if (block == nullptr) block = AddBlocks(&place);
    return blocks_ != nullptr ? *block : block[index / kBlockFrames];
  }
  // Has `place` point to a block, or to all; returns the first.
  Block* AddBlocks(std::atomic<Block*>* place);

  std::atomic<Block*> all_ = nullptr;      // of pool_: all blocks; null: no frames, or few
  std::atomic<bool> has_several_ = false;  // whether any bit of Block::several is set
  LargePool& pool_;
  std::unique_ptr<Blocks> blocks_;  // where there will be few frames: each null without any
};

}  // namespace pagesnap

#endif  // LIB_STORE_FRAMES_FRAME_RANKS_H_
