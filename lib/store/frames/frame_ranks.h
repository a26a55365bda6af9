// Which frames of a chunk the pages of a snapshot refer to.
#ifndef LIB_STORE_FRAMES_FRAME_RANKS_H_
#define LIB_STORE_FRAMES_FRAME_RANKS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <tuple>

#include "lib/base/prefetch.h"
#include "lib/codec/frame_columns.h"

namespace pagesnap {

// Takes up to 16 KiB: 256 bytes for each block of frames with one that pages refer to.
class FrameRanks {
 public:
  FrameRanks() = default;
  FrameRanks(const FrameRanks&) = delete;
  FrameRanks& operator=(const FrameRanks&) = delete;
  ~FrameRanks() {
    for (const auto& block : blocks_) delete block.load(std::memory_order_relaxed);
  }

  // Several threads may insert at once; Count() comes after them and before what follows it.
  void Insert(uint32_t index) {
    std::atomic_ref bits(BlockFor(index)[index % kBlockFrames / 64].bits);
    const uint64_t bit = uint64_t{1} << (index % 64);
    // A look is cheaper than a locked write, and most pages of a file are known already.
    if ((bits.load(std::memory_order_relaxed) & bit) == 0) {
      bits.fetch_or(bit, std::memory_order_relaxed);
    }
  }
  // Returns the number of frames.
  uint32_t Count();

  // Has the processor fetch what Insert() and Find() need.
  void Prefetch(uint32_t index) const {
    const Block* block = BlockOf(index);
    if (block != nullptr) pagesnap::Prefetch(&(*block)[index % kBlockFrames / 64]);
  }

  // Sets `rank` to the number of frames before the one at `index`; false when no page refers to it.
  bool Find(uint32_t index, uint32_t* rank) const {
    const Block* block = BlockOf(index);
    if (block == nullptr) return false;
    const Word& word = (*block)[index % kBlockFrames / 64];
    const uint64_t bit = uint64_t{1} << (index % 64);
    *rank = word.rank + static_cast<uint32_t>(__builtin_popcountll(word.bits & (bit - 1)));
    return (word.bits & bit) != 0;
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
  // Returns which of the frames from number * 64 on there are: bit i for frame i of them.
  [[nodiscard]] uint64_t Bits(uint32_t number) const {
    const Block* block = BlockOf(number * 64);
    return block != nullptr ? (*block)[number % std::tuple_size_v<Block>].bits : 0;
  }
  // Returns the first frame from `index` on, or kFramesPerChunk.
  [[nodiscard]] uint32_t NextFrom(uint32_t index) const;

 private:
  static constexpr uint32_t kBlockFrames = 1024;
  struct Word {
    uint64_t bits = 0;
    uint32_t rank = 0;  // frames before this word
  };
  using Block = std::array<Word, kBlockFrames / 64>;

  [[nodiscard]] const Block* BlockOf(uint32_t index) const {
    return blocks_[index / kBlockFrames].load(std::memory_order_relaxed);
  }
  Block& BlockFor(uint32_t index) {
    std::atomic<Block*>& place = blocks_[index / kBlockFrames];
    Block* block = place.load(std::memory_order_acquire);
    return block != nullptr ? *block : AddBlock(&place);
  }
  static Block& AddBlock(std::atomic<Block*>* place);

  std::array<std::atomic<Block*>, kFramesPerChunk / kBlockFrames> blocks_{};  // null: no frames
};

}  // namespace pagesnap

#endif  // LIB_STORE_FRAMES_FRAME_RANKS_H_
