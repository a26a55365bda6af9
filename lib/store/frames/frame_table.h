// What a snapshot knows of its frames, by PFN.
#ifndef LIB_STORE_FRAMES_FRAME_TABLE_H_
#define LIB_STORE_FRAMES_FRAME_TABLE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "lib/base/pipeline.h"
#include "lib/base/prefetch.h"
#include "lib/codec/frame_columns.h"
#include "lib/store/sqlite/statement.h"
#include "lib/store/sqlite/stored_blob.h"

namespace pagesnap {

// The facts of the frames of a chunk, decoded for look-ups: 1 or 2 bytes a frame; or only the runs
// where few will be asked for, as in a small process, of which a series has one for each moment.
class FrameChunk {
 public:
  // `frame_count`: how many frames pages refer to, and so about how many will be asked for.
  FrameChunk(FrameRuns runs, uint32_t frame_count);

  // Returns the facts of the frame at `index` (0 to kFramesPerChunk - 1) from the chunk's start.
  // They mean something only for a frame that a page of the snapshot refers to.
  [[nodiscard]] const FrameFacts& at(uint32_t index) const {
    if (!small_kind_of_.empty()) return kinds_[small_kind_of_[index]];
    return kinds_[kind_of_.empty() ? RunOf(index).kind : kind_of_[index]];
  }
  // Returns the first index behind `index` at which the facts are others, or kFramesPerChunk.
  [[nodiscard]] uint32_t EndOf(uint32_t index) const;
  // Has the processor fetch what at() needs.
  void Prefetch(uint32_t index) const {
    if (!small_kind_of_.empty()) pagesnap::Prefetch(&small_kind_of_[index]);
    if (!kind_of_.empty()) pagesnap::Prefetch(&kind_of_[index]);
  }
  // Returns whether any of its frames may have one of these flags.
  [[nodiscard]] bool HasAny(uint64_t flags) const { return (any_flags_ & flags) != 0; }

 private:
  [[nodiscard]] const FrameRuns::Run& RunOf(uint32_t index) const;

  // The kind of each frame, in one of these. Less memory is also fewer cache misses: look-ups come
  // in random order.
  std::vector<uint8_t> small_kind_of_;
  std::vector<uint16_t> kind_of_;
  std::vector<FrameRuns::Run> runs_;
  std::vector<FrameFacts> kinds_;
  uint64_t any_flags_ = 0;  // the flags of all frames, of those whose flags were read
};

// Which frames of a chunk pages refer to: up to 16 KiB, 256 bytes for each block of frames with
// one.
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

// All frames of one snapshot, in PFN order. A frame's ordinal is its place in that order. What is
// known of frames is read chunk by chunk, when it is first asked for, by one thread; after
// LoadAll() or LoadSound() everything is there, and FindLoaded() may be called by all threads.
// Which frames there are is in the page words, all of which LoadOrdinals() has to read.
class FrameTable {
 public:
  // `database` is borrowed. Throws Error when the tables contradict each other.
  FrameTable(const Database& database, int64_t snapshot_id);
  FrameTable(const FrameTable&) = delete;
  FrameTable& operator=(const FrameTable&) = delete;

  // Returns the facts of a frame that a page of the snapshot refers to, or null when the file has
  // none. Throws Error when its chunk is damaged.
  const FrameFacts* Find(uint64_t pfn);

  // Has the processor fetch what Find() needs, if it was read already: in random order, waiting for
  // memory is most of a look-up.
  void Prefetch(uint64_t pfn) const {
    const Slot* slot = FindSlot(pfn);
    if (slot != nullptr && slot->chunk != nullptr) {
      slot->chunk->Prefetch(static_cast<uint32_t>(pfn % kFramesPerChunk));
    }
  }

  // Returns whether a frame is known to have one of these flags. Much faster than Find() for flags
  // that few frames have. Throws like Find.
  bool HasAny(uint64_t pfn, uint64_t flags) {
    return HasAny(Chunk(pfn - pfn % kFramesPerChunk), pfn, flags);
  }

  // Reads what was not read yet, on so many threads. Throws Error when a chunk is damaged.
  void LoadAll(size_t worker_count = WorkerCount());
  // The same, but leaves out the chunks that are damaged: nothing is known of their frames then.
  // Returns what is wrong with one of them, "" when there is none.
  std::string LoadSound(size_t worker_count = WorkerCount());
  // As Find(), after LoadAll() or LoadSound().
  [[nodiscard]] const FrameFacts* FindLoaded(uint64_t pfn) const {
    const Slot* slot = FindSlot(pfn);
    if (slot == nullptr || slot->chunk == nullptr) return nullptr;
    return &slot->chunk->at(static_cast<uint32_t>(pfn % kFramesPerChunk));
  }
  // As HasAny(), after LoadAll() or LoadSound().
  [[nodiscard]] bool HasAnyLoaded(uint64_t pfn, uint64_t flags) const {
    const Slot* slot = FindSlot(pfn);
    return HasAny(slot != nullptr ? slot->chunk : nullptr, pfn, flags);
  }

  // Finds out which frames the pages of the snapshot refer to, on all cores. Throws Error when a
  // page content is damaged, or when the frames are not those that the file has facts of.
  void LoadOrdinals();
  // After LoadOrdinals(), by any thread: sets `ordinal` to that of a frame; false when no captured
  // page refers to it.
  bool FindOrdinal(uint64_t pfn, uint32_t* ordinal) const {
    const Slot* slot = FindSlot(pfn);
    if (slot == nullptr || !slot->ranks) return false;
    uint32_t rank;
    if (!slot->ranks->Find(static_cast<uint32_t>(pfn % kFramesPerChunk), &rank)) return false;
    *ordinal = slot->first_ordinal + rank;
    return true;
  }
  // Has the processor fetch what FindOrdinal() needs.
  void PrefetchOrdinal(uint64_t pfn) const {
    const Slot* slot = FindSlot(pfn);
    if (slot != nullptr && slot->ranks) {
      slot->ranks->Prefetch(static_cast<uint32_t>(pfn % kFramesPerChunk));
    }
  }
  // After LoadOrdinals(): the frames of the chunk that starts at `first_pfn`, one of first_pfns().
  [[nodiscard]] const FrameRanks& Ranks(uint64_t first_pfn) const {
    return *FindSlot(first_pfn)->ranks;
  }

  [[nodiscard]] const Database& database() const { return database_; }
  [[nodiscard]] int64_t snapshot_id() const { return snapshot_id_; }  // in the file
  // Returns the number of frames.
  [[nodiscard]] uint32_t frame_count() const { return frame_count_; }
  // Returns the chunks' first PFNs, ascending.
  [[nodiscard]] const std::vector<uint64_t>& first_pfns() const { return first_pfns_; }
  // Returns the chunk that starts at `first_pfn`, or null. Throws like Find.
  const FrameChunk* Chunk(uint64_t first_pfn);
  // As Chunk(), after LoadAll() or LoadSound().
  [[nodiscard]] const FrameChunk* LoadedChunk(uint64_t first_pfn) const {
    const Slot* slot = FindSlot(first_pfn);
    return slot != nullptr ? slot->chunk : nullptr;
  }
  // Returns the ordinal of the first frame of the chunk that starts at `first_pfn`.
  [[nodiscard]] uint32_t FirstOrdinal(uint64_t first_pfn) const;

 private:
  struct Slot {
    const FrameChunk* chunk = nullptr;  // one of chunks_, when it was read
    std::unique_ptr<FrameRanks> ranks;
    int64_t content_id = 0;
    uint32_t first_ordinal = 0;
    uint32_t frame_count = 0;
  };

  // Of the frame's chunk, or null.
  static bool HasAny(const FrameChunk* chunk, uint64_t pfn, uint64_t flags) {
    if (chunk == nullptr || !chunk->HasAny(flags)) return false;
    const uint64_t own = chunk->at(static_cast<uint32_t>(pfn % kFramesPerChunk)).flags;
    return own != kNotRead && (own & flags) != 0;
  }
  void AddSlot(uint64_t first_pfn, int64_t frame_count, int64_t content_id);
  void NumberSlots();
  [[nodiscard]] const Slot* FarSlot(uint64_t number) const;
  // Returns the slot of the chunk that `pfn` belongs to, or null.
  [[nodiscard]] const Slot* FindSlot(uint64_t pfn) const {
    const uint64_t number = pfn / kFramesPerChunk;
    return number < near_.size() ? near_[number] : FarSlot(number);
  }
  [[nodiscard]] Slot* StoredSlot(uint64_t pfn) { return const_cast<Slot*>(FindSlot(pfn)); }
  [[nodiscard]] std::vector<int64_t> ContentIds() const;
  void InsertFrames(std::span<const uint64_t> words);

  const Database& database_;
  int64_t snapshot_id_;
  uint32_t frame_count_ = 0;
  bool all_loaded_ = false;  // but for what is damaged
  std::string problem_;      // of a chunk, after LoadSound()
  bool ordinals_loaded_ = false;
  std::vector<uint64_t> first_pfns_;
  std::vector<Slot> slots_;  // of the chunks, in the order of first_pfns_
  // By chunk number, for RAM: of slots_, or null. A PFN of device memory may be
  // anywhere, and is searched for.
  std::vector<const Slot*> near_;
  std::unordered_map<int64_t, std::unique_ptr<FrameChunk>> chunks_;  // by content id
};

}  // namespace pagesnap

#endif  // LIB_STORE_FRAMES_FRAME_TABLE_H_
