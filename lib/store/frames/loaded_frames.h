// The facts of all frames of a snapshot, for all threads.
#ifndef LIB_STORE_FRAMES_LOADED_FRAMES_H_
#define LIB_STORE_FRAMES_LOADED_FRAMES_H_

#include <cstdint>
#include <string>

#include "lib/store/frames/frame_slots.h"

namespace pagesnap {

// What FrameTable::LoadAll() and LoadSound() return; valid as long as the FrameTable. Small: to be
// passed by value.
class LoadedFrames {
 public:
  // Returns the facts of a frame that a page of the snapshot refers to, or null when the file has
  // none, or its chunk is damaged.
  [[nodiscard]] const FrameFacts* Find(uint64_t pfn) const {
    const FrameSlot* slot = slots_->Find(pfn);
    if (slot == nullptr) return nullptr;
    if (slot->small_kind_of != nullptr) return slot->kinds + slot->small_kind_of[IndexInChunk(pfn)];
    return slot->chunk != nullptr ? &slot->chunk->at(IndexInChunk(pfn)) : nullptr;
  }
  // Returns whether a frame is known to have one of these flags.
  [[nodiscard]] bool HasAny(uint64_t pfn, uint64_t flags) const {
    const FrameChunk* chunk = Chunk(pfn);
    return chunk != nullptr && chunk->HasAny(IndexInChunk(pfn), flags);
  }
  // Has the processor fetch what Find() needs: in random order, waiting for memory is most of a
  // look-up.
  void Prefetch(uint64_t pfn) const {
    const FrameSlot* slot = slots_->Find(pfn);
    if (slot == nullptr) return;
    if (slot->small_kind_of != nullptr) {
      pagesnap::Prefetch(slot->small_kind_of + IndexInChunk(pfn));
    } else if (slot->chunk != nullptr) {
      slot->chunk->Prefetch(IndexInChunk(pfn));
    }
  }
  // Returns the chunk that `pfn` belongs to, or null.
  [[nodiscard]] const FrameChunk* Chunk(uint64_t pfn) const {
    const FrameSlot* slot = slots_->Find(pfn);
    return slot != nullptr ? slot->chunk : nullptr;
  }
  // Returns the chunks' first PFNs, ascending.
  [[nodiscard]] const std::vector<uint64_t>& first_pfns() const { return slots_->first_pfns(); }
  // Returns what is wrong with one of the chunks, "" when none is damaged.
  [[nodiscard]] const std::string& problem() const { return *problem_; }

 private:
  friend class FrameTable;
  LoadedFrames(const FrameSlots& slots, const std::string& problem)
      : slots_(&slots), problem_(&problem) {}

  const FrameSlots* slots_;
  const std::string* problem_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_FRAMES_LOADED_FRAMES_H_
