// What a snapshot knows of its frames, by PFN.
#ifndef LIB_STORE_FRAME_TABLE_H_
#define LIB_STORE_FRAME_TABLE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/codec/frame_columns.h"
#include "lib/store/sqlite.h"

namespace pagesnap {

// What the kpage files said of one frame; kNotRead where they could not be read.
struct FrameFacts {
  uint64_t flags = kNotRead;
  uint64_t map_count = kNotRead;
  uint64_t cgroup = kNotRead;
};

// One frame_chunk, decoded for look-ups: 16 KiB, and 1 or 2 bytes a referenced frame where not all
// of them have the same facts.
class FrameChunk {
 public:
  FrameChunk(uint64_t first_pfn, const FrameColumns& columns);

  [[nodiscard]] uint64_t first_pfn() const { return first_pfn_; }
  [[nodiscard]] size_t frame_count() const { return frame_count_; }
  // Returns whether any of its frames has one of these flags.
  [[nodiscard]] bool HasAny(uint64_t flags) const { return (any_flags_ & flags) != 0; }

  // Returns the facts of the frame at `index` (0 to kFramesPerChunk - 1) from the chunk's start, or
  // null when it was not referenced.
  [[nodiscard]] const FrameFacts* Find(uint32_t index) const {
    uint32_t rank;
    return Find(index, &rank);
  }
  // Returns the facts of the referenced frame number `rank`, which is below frame_count().
  [[nodiscard]] const FrameFacts& FactsOf(uint32_t rank) const { return kinds_[KindOf(rank)]; }
  // Sets `rank` to the number of referenced frames before this one; false when it was not
  // referenced. Faster than Find(), which looks up the facts too.
  bool FindRank(uint32_t index, uint32_t* rank) const {
    const Word& word = words_[index / 64];
    uint64_t below = uint64_t{1} << (index % 64);
    *rank = word.rank + static_cast<uint32_t>(__builtin_popcountll(word.bits & (below - 1)));
    return (word.bits & below) != 0;
  }
  // Calls visit(index, facts) for each referenced frame, in PFN order.
  template <typename Visit>
  void ForEachFrame(const Visit& visit) const {
    uint32_t rank = 0;
    for (size_t i = 0; i < words_.size(); ++i) {
      for (uint64_t bits = words_[i].bits; bits != 0; bits &= bits - 1) {
        visit(static_cast<uint32_t>(i * 64 + __builtin_ctzll(bits)), FactsOf(rank++));
      }
    }
  }
  // Returns which of the frames from number * 64 on were referenced: bit i for frame i of them.
  [[nodiscard]] uint64_t ReferencedWord(uint32_t number) const { return words_[number].bits; }
  // As Find(), and sets `rank` for a frame that was referenced.
  const FrameFacts* Find(uint32_t index, uint32_t* rank) const {
    return FindRank(index, rank) ? &kinds_[KindOf(*rank)] : nullptr;
  }

 private:
  struct Word {
    uint64_t bits = 0;
    uint32_t rank = 0;  // referenced frames before this word
  };
  [[nodiscard]] size_t KindOf(uint32_t rank) const {
    if (!small_kind_of_.empty()) return small_kind_of_[rank];
    return kind_of_.empty() ? 0 : kind_of_[rank];
  }
  void Shrink();

  uint64_t first_pfn_;
  size_t frame_count_;
  uint64_t any_flags_ = 0;  // the flags of all frames, of those whose flags were read
  std::vector<Word> words_;
  // The kind of each referenced frame, in PFN order: in one of these, or all are of kind 0.
  std::vector<uint8_t> small_kind_of_;
  std::vector<uint16_t> kind_of_;
  std::vector<FrameFacts> kinds_;  // the distinct facts of the chunk
};

// All frames of one snapshot, in PFN order. A frame's ordinal is its place in that order. Chunks
// are read when they are first asked for, by one thread; after LoadAll() everything is there, and
// FindLoaded() may be called by all threads.
class FrameTable {
 public:
  // `database` is borrowed. Throws Error when the tables contradict each other.
  FrameTable(const Database& database, int64_t snapshot_id);

  // Returns the facts of a frame, or null when no captured page refers to it. Throws Error when
  // its chunk is damaged.
  const FrameFacts* Find(uint64_t pfn);

  // Returns whether a frame is known to have one of these flags. Much faster than Find() for flags
  // that few frames have. Throws like Find.
  bool HasAny(uint64_t pfn, uint64_t flags) {
    return HasAny(Chunk(pfn - pfn % kFramesPerChunk), pfn, flags);
  }

  // Reads what was not read yet, on all cores. Throws Error when a chunk is damaged.
  void LoadAll();
  // As Find(), after LoadAll().
  [[nodiscard]] const FrameFacts* FindLoaded(uint64_t pfn) const {
    const Slot* slot = FindSlot(pfn);
    if (slot == nullptr || slot->chunk == nullptr) return nullptr;
    return slot->chunk->Find(static_cast<uint32_t>(pfn % kFramesPerChunk));
  }
  // As HasAny(), after LoadAll().
  [[nodiscard]] bool HasAnyLoaded(uint64_t pfn, uint64_t flags) const {
    const Slot* slot = FindSlot(pfn);
    return HasAny(slot != nullptr ? slot->chunk.get() : nullptr, pfn, flags);
  }
  // After LoadAll(): sets `ordinal` to that of a frame; false when no captured page refers to it.
  bool FindOrdinal(uint64_t pfn, uint32_t* ordinal) const {
    const Slot* slot = FindSlot(pfn);
    if (slot == nullptr || slot->chunk == nullptr) return false;
    uint32_t rank;
    if (!slot->chunk->FindRank(static_cast<uint32_t>(pfn % kFramesPerChunk), &rank)) return false;
    *ordinal = slot->first_ordinal + rank;
    return true;
  }

  // Returns the number of frames.
  [[nodiscard]] uint32_t frame_count() const { return frame_count_; }
  // Returns the chunks' first PFNs, ascending.
  [[nodiscard]] const std::vector<uint64_t>& first_pfns() const { return first_pfns_; }
  // Returns the chunk that starts at `first_pfn`, or null. Throws like Find.
  const FrameChunk* Chunk(uint64_t first_pfn);
  // Returns the ordinal of the first frame of the chunk that starts at `first_pfn`.
  [[nodiscard]] uint32_t FirstOrdinal(uint64_t first_pfn) const;

 private:
  struct Slot {
    std::unique_ptr<FrameChunk> chunk;
    uint32_t first_ordinal = 0;
    bool stored = false;
  };

  // Of the frame's chunk, or null.
  static bool HasAny(const FrameChunk* chunk, uint64_t pfn, uint64_t flags) {
    if (chunk == nullptr || !chunk->HasAny(flags)) return false;
    const FrameFacts* facts = chunk->Find(static_cast<uint32_t>(pfn % kFramesPerChunk));
    return facts != nullptr && facts->flags != kNotRead && (facts->flags & flags) != 0;
  }
  [[nodiscard]] const Slot* FarSlot(uint64_t number) const;
  // Returns the slot of the chunk that `pfn` belongs to, or null.
  [[nodiscard]] const Slot* FindSlot(uint64_t pfn) const {
    uint64_t number = pfn / kFramesPerChunk;
    return number < slots_.size() ? &slots_[number] : FarSlot(number);
  }

  const Database& database_;
  int64_t snapshot_id_;
  uint32_t frame_count_ = 0;
  bool all_loaded_ = false;
  std::vector<uint64_t> first_pfns_;
  // By chunk number, for RAM; a PFN of device memory may be anywhere and goes to the map.
  std::vector<Slot> slots_;
  std::map<uint64_t, Slot> far_slots_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_FRAME_TABLE_H_
