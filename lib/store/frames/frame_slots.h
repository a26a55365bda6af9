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

// What is known of a chunk.
struct FrameSlot {
  const FrameChunk* chunk = nullptr;  // borrowed; null: not loaded, or damaged
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
