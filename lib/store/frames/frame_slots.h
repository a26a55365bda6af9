// Where to find what is known of a frame: the chunks of a snapshot, by PFN.
#ifndef LIB_STORE_FRAMES_FRAME_SLOTS_H_
#define LIB_STORE_FRAMES_FRAME_SLOTS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "lib/codec/frame_columns.h"
#include "lib/store/frames/frame_chunk.h"
#include "lib/store/frames/frame_ranks.h"

namespace pagesnap {

// Returns the place of a frame in its chunk.
inline uint32_t IndexInChunk(uint64_t pfn) { return static_cast<uint32_t>(pfn % kFramesPerChunk); }

// PFNs from `first` to `last`.
struct PfnRange {
  uint64_t first = 0;
  uint64_t last = ~uint64_t{0};
  [[nodiscard]] bool Contains(uint64_t pfn) const { return pfn >= first && pfn <= last; }
};

// What is known of a chunk.
struct FrameSlot {
  // Sets the chunk, which is borrowed; null: damaged.
  void SetChunk(const FrameChunk* loaded) {
    chunk = loaded;
    if (chunk == nullptr) return;
    small_kind_of = chunk->small_kind_of();
    kinds = chunk->kinds().data();
  }

  const FrameChunk* chunk = nullptr;  // borrowed; null: not loaded, or damaged
  // What chunk->at() needs: who looks up many frames in random order waits for each step there.
  const uint8_t* small_kind_of = nullptr;
  const FrameFacts* kinds = nullptr;
  std::unique_ptr<FrameRanks> ranks;  // null: not loaded
  int64_t content_id = 0;
  uint32_t first_ordinal = 0;
  uint32_t frame_count = 0;
};

class FrameSlots {
 public:
  FrameSlots() = default;
  FrameSlots(const FrameSlots&) = delete;
  FrameSlots& operator=(const FrameSlots&) = delete;

  // Adds the slot of a chunk, in PFN order; Finish() comes after the last one, and before Find().
  void Add(uint64_t first_pfn, FrameSlot slot);
  void Finish();

  // Returns the slot of the chunk that `pfn` belongs to, or null.
  [[nodiscard]] const FrameSlot* Find(uint64_t pfn) const {
    const uint64_t number = pfn / kFramesPerChunk;
    return number < near_.size() ? near_[number] : FindFar(number);
  }
  [[nodiscard]] FrameSlot* Find(uint64_t pfn) {
    return const_cast<FrameSlot*>(static_cast<const FrameSlots*>(this)->Find(pfn));
  }
  // Returns the chunks' first PFNs, ascending, and their slots in this order.
  [[nodiscard]] const std::vector<uint64_t>& first_pfns() const { return first_pfns_; }
  [[nodiscard]] const std::vector<FrameSlot>& all() const { return slots_; }
  [[nodiscard]] std::vector<FrameSlot>& all() { return slots_; }

 private:
  [[nodiscard]] const FrameSlot* FindFar(uint64_t number) const;

  std::vector<uint64_t> first_pfns_;
  std::vector<FrameSlot> slots_;
  // By chunk number, for RAM: of slots_, or null. A PFN of device memory may be anywhere, and is
  // searched for.
  std::vector<const FrameSlot*> near_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_FRAMES_FRAME_SLOTS_H_
