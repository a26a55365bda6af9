// Which frames the captured pages refer to: one bit a frame, already unique and in order.
#ifndef CAPTURE_FRAME_SET_H_
#define CAPTURE_FRAME_SET_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "lib/codec/frame_columns.h"

namespace pagesnap {

// Frames may be inserted from several threads at once; everything else waits until they are done.
class FrameSet {
 public:
  using Bits = FrameBits;

  // Frames below `ram_end` are found by index, those behind it (device memory, or all when the end
  // of RAM is unknown and 0) through a map.
  explicit FrameSet(uint64_t ram_end);
  FrameSet(const FrameSet&) = delete;
  FrameSet& operator=(const FrameSet&) = delete;
  ~FrameSet();

  void Insert(uint64_t pfn) {
    uint64_t number = pfn / kFramesPerChunk;
    SharedBits* bits =
        number < near_.size() ? near_[number].load(std::memory_order_acquire) : nullptr;
    if (bits == nullptr) bits = ChunkFor(number);
    std::atomic<uint64_t>& word = (*bits)[pfn % kFramesPerChunk / 64];
    uint64_t bit = uint64_t{1} << (pfn % 64);
    // Most frames of shared memory are known already; a look is cheaper than a locked write.
    if ((word.load(std::memory_order_relaxed) & bit) == 0) {
      word.fetch_or(bit, std::memory_order_relaxed);
    }
  }

  // Returns the numbers (first PFN / kFramesPerChunk) of the chunks that have frames, ascending.
  [[nodiscard]] std::vector<uint64_t> ChunkNumbers() const;
  // Returns the frames of a chunk from ChunkNumbers().
  [[nodiscard]] Bits Chunk(uint64_t number) const;
  // Returns how many frames are in the set.
  [[nodiscard]] uint64_t Count() const;

 private:
  using SharedBits = std::array<std::atomic<uint64_t>, kFramesPerChunk / 64>;
  SharedBits* ChunkFor(uint64_t number);

  std::vector<std::atomic<SharedBits*>> near_;  // owned
  std::mutex far_mutex_;
  std::map<uint64_t, std::unique_ptr<SharedBits>> far_;
};

}  // namespace pagesnap

#endif  // CAPTURE_FRAME_SET_H_
