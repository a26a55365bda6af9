// Which frames the captured pages refer to: one bit a frame, already unique and in order.
#ifndef CAPTURE_FRAME_SET_H_
#define CAPTURE_FRAME_SET_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "lib/codec/frame_columns.h"

namespace pagesnap {

class FrameSet {
 public:
  using Bits = std::array<uint64_t, kFramesPerChunk / 64>;

  void Insert(uint64_t pfn) {
    uint64_t number = pfn / kFramesPerChunk;
    uint32_t index = pfn % kFramesPerChunk;
    Bits& bits = number < near_.size() && near_[number] ? *near_[number] : ChunkFor(number);
    bits[index / 64] |= uint64_t{1} << (index % 64);
  }

  // Returns the numbers (first PFN / kFramesPerChunk) of the chunks that have frames, ascending.
  [[nodiscard]] std::vector<uint64_t> ChunkNumbers() const;
  // Returns the frames of a chunk from ChunkNumbers().
  [[nodiscard]] const Bits& Chunk(uint64_t number) const;
  // Returns how many frames are in the set.
  [[nodiscard]] uint64_t Count() const;

 private:
  Bits& ChunkFor(uint64_t number);

  // RAM lies below 2^20 chunks (256 TiB of 4 KiB frames) and is found by index. Device memory that
  // a process maps may lie anywhere.
  static constexpr uint64_t kNearChunks = uint64_t{1} << 20;
  std::vector<std::unique_ptr<Bits>> near_;
  std::map<uint64_t, std::unique_ptr<Bits>> far_;
};

}  // namespace pagesnap

#endif  // CAPTURE_FRAME_SET_H_
