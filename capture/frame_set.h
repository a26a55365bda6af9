// Which frames the captured pages refer to: one bit a frame, already unique and in order; and which
// of them all page words call mapped exactly once: another bit, where any word does not.
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

  // 64 MiB of bits, for 2 TiB of RAM in 4 KiB frames.
  static constexpr size_t kMinChunkLimit = 8192;

  // Frames below `ram_end` are found by index, those behind it (device memory, or all when the end
  // of RAM is unknown and 0) through a map. Beyond 1 TiB of RAM the second bit would take more
  // memory than a capture may need, and no frame is known to be mapped once. `chunk_limit` is the
  // largest number of chunks, half of it where they have the second bit: page words of a recorded
  // tree can name any frame.
  explicit FrameSet(uint64_t ram_end, size_t chunk_limit = kMinChunkLimit);
  FrameSet(const FrameSet&) = delete;
  FrameSet& operator=(const FrameSet&) = delete;
  ~FrameSet();

  // Adds a frame; where its chunk is beyond the limit, counts it as left out and returns false.
  // `mapped_once`: the page word that refers to it says that nothing else maps it.
  [[nodiscard]] bool Insert(uint64_t pfn, bool mapped_once) {
    uint64_t number = pfn / kFramesPerChunk;
    Chunk* chunk = number < near_.size() ? near_[number].load(std::memory_order_acquire) : nullptr;
    if (chunk == nullptr && (chunk = ChunkFor(number)) == nullptr) {
      left_out_count_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    Set(chunk->referenced, pfn);
    if (!mapped_once && second_bit_) Set(*Allocated(chunk->shared), pfn);
    return true;
  }

  // Returns the numbers (first PFN / kFramesPerChunk) of the chunks that have frames, ascending.
  [[nodiscard]] std::vector<uint64_t> ChunkNumbers() const;
  // Returns the frames of a chunk from ChunkNumbers().
  [[nodiscard]] Bits Frames(uint64_t number) const;
  // Returns those of them that all page words call mapped exactly once.
  [[nodiscard]] Bits MappedOnce(uint64_t number) const;
  // Returns how many frames are in the set.
  [[nodiscard]] uint64_t Count() const;
  // Returns how many calls of Insert() had a frame beyond the limit of chunks.
  [[nodiscard]] uint64_t left_out_count() const { return left_out_count_; }
  // Returns the limit of chunks.
  [[nodiscard]] size_t chunk_limit() const { return chunk_limit_; }

 private:
  using SharedBits = std::array<std::atomic<uint64_t>, kFramesPerChunk / 64>;
  struct Chunk {
    SharedBits referenced = {};
    std::atomic<SharedBits*> shared = nullptr;  // owned; frames that a word calls not mapped once
    ~Chunk() { delete shared.load(); }
  };

  static void Set(SharedBits& bits, uint64_t pfn) {
    std::atomic<uint64_t>& word = bits[pfn % kFramesPerChunk / 64];
    uint64_t bit = uint64_t{1} << (pfn % 64);
    // Most frames of shared memory are known already; a look is cheaper than a locked write.
    if ((word.load(std::memory_order_relaxed) & bit) == 0) {
      word.fetch_or(bit, std::memory_order_relaxed);
    }
  }
  // Returns what `place` points to, after allocating it if there is nothing yet.
  template <typename T>
  static T* Allocated(std::atomic<T*>& place) {
    T* known = place.load(std::memory_order_acquire);
    if (known != nullptr) return known;
    auto fresh = std::make_unique<T>();
    // Whoever comes first wins; the others use the winner's.
    if (place.compare_exchange_strong(known, fresh.get(), std::memory_order_acq_rel)) {
      return fresh.release();
    }
    return known;
  }
  Chunk* ChunkFor(uint64_t number);
  [[nodiscard]] const Chunk& Known(uint64_t number) const;

  bool second_bit_;
  size_t chunk_limit_;
  std::vector<std::atomic<Chunk*>> near_;  // owned
  std::atomic<uint64_t> left_out_count_ = 0;
  std::mutex mutex_;  // guards what follows, and new chunks in near_
  size_t chunk_count_ = 0;
  std::map<uint64_t, std::unique_ptr<Chunk>> far_;
};

}  // namespace pagesnap

#endif  // CAPTURE_FRAME_SET_H_
