// Which frames the pages of a snapshot refer to, for all threads.
#ifndef LIB_STORE_FRAMES_FRAME_ORDINALS_H_
#define LIB_STORE_FRAMES_FRAME_ORDINALS_H_

#include <cstdint>

#include "lib/store/frames/frame_slots.h"

namespace pagesnap {

// What FrameTable::LoadOrdinals() returns; valid as long as the FrameTable. Small: to be passed by
// value. A frame's ordinal is its place in PFN order.
class FrameOrdinals {
 public:
  // Sets `ordinal` to that of a frame; false when no captured page refers to it.
  bool Find(uint64_t pfn, uint32_t* ordinal) const {
    const FrameSlot* slot = slots_->Find(pfn);
    uint32_t rank;
    if (slot == nullptr || !slot->ranks->Find(IndexInChunk(pfn), &rank)) return false;
    *ordinal = slot->first_ordinal + rank;
    return true;
  }
  // Returns whether several pages of distinct contents refer to a frame that has an ordinal.
  [[nodiscard]] bool IsOfSeveral(uint64_t pfn) const {
    return slots_->Find(pfn)->ranks->IsOfSeveral(IndexInChunk(pfn));
  }
  // Has the processor fetch what IsOfSeveral() needs.
  void PrefetchSeveral(uint64_t pfn) const {
    if (const FrameSlot* slot = slots_->Find(pfn)) slot->ranks->PrefetchSeveral(IndexInChunk(pfn));
  }
  // Has the processor fetch what Find() needs.
  void Prefetch(uint64_t pfn) const {
    if (const FrameSlot* slot = slots_->Find(pfn)) slot->ranks->Prefetch(IndexInChunk(pfn));
  }
  // Returns the frames of the chunk that starts at `first_pfn`, one of FrameTable::first_pfns().
  [[nodiscard]] const FrameRanks& Ranks(uint64_t first_pfn) const {
    return *slots_->Find(first_pfn)->ranks;
  }
  // Returns the ordinal of the first of these frames.
  [[nodiscard]] uint32_t FirstOf(uint64_t first_pfn) const {
    return slots_->Find(first_pfn)->first_ordinal;
  }

 private:
  friend class FrameTable;
  explicit FrameOrdinals(const FrameSlots& slots) : slots_(&slots) {}

  const FrameSlots* slots_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_FRAMES_FRAME_ORDINALS_H_
