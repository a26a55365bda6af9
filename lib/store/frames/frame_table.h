// What a snapshot knows of its frames, by PFN.
#ifndef LIB_STORE_FRAMES_FRAME_TABLE_H_
#define LIB_STORE_FRAMES_FRAME_TABLE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/pipeline.h"
#include "lib/store/frames/frame_ordinals.h"
#include "lib/store/frames/frame_slots.h"
#include "lib/store/frames/loaded_frames.h"
#include "lib/store/sqlite/database.h"

namespace pagesnap {

// All frames of one snapshot, or those of some chunks. What is known of them is read chunk by
// chunk, when it is first asked for, by one thread; or all of it, for all threads. Which frames
// there are is in the page words, all of which LoadOrdinals() has to read.
class FrameTable {
 public:
  // `database` is borrowed. Chunks that begin outside `range` are left out, and LoadOrdinals() is
  // for all. Throws Error when the tables contradict each other.
  FrameTable(const Database& database, int64_t snapshot_id, PfnRange range = {});
  FrameTable(const FrameTable&) = delete;
  FrameTable& operator=(const FrameTable&) = delete;

  // These are as in LoadedFrames, and throw Error when the chunk is damaged.
  const FrameFacts* Find(uint64_t pfn);
  bool HasAny(uint64_t pfn, uint64_t flags);
  const FrameChunk* Chunk(uint64_t pfn);
  // Has the processor fetch what Find() needs, if it was read already.
  void Prefetch(uint64_t pfn) const {
    const FrameSlot* slot = slots_.Find(pfn);
    if (slot != nullptr && slot->chunk != nullptr) slot->chunk->Prefetch(IndexInChunk(pfn));
  }

  // Loads the remaining chunks with `worker_count` threads. Throws Error when a chunk is damaged.
  LoadedFrames LoadAll(size_t worker_count = WorkerCount());
  // The same, but leaves out the chunks that are damaged: nothing is known of their frames then,
  // and problem() of the result says what is wrong.
  LoadedFrames LoadSound(size_t worker_count = WorkerCount());

  // Finds out which frames the pages of the snapshot refer to, on all cores. Throws Error when a
  // page content is damaged, or when the frames are not those that the file has facts of.
  FrameOrdinals LoadOrdinals();

  // Throws the Error for a page that refers to a frame that the snapshot does not have.
  [[noreturn]] void ThrowNoFrame(uint64_t pfn) const;

  [[nodiscard]] const Database& database() const { return database_; }
  [[nodiscard]] int64_t snapshot_id() const { return snapshot_id_; }  // in the file
  // Returns the number of frames.
  [[nodiscard]] uint32_t frame_count() const { return frame_count_; }
  // Returns the chunks' first PFNs, ascending.
  [[nodiscard]] const std::vector<uint64_t>& first_pfns() const { return slots_.first_pfns(); }

 private:
  void AddSlot(uint64_t first_pfn, int64_t frame_count, int64_t content_id);
  [[nodiscard]] std::vector<int64_t> ContentIds() const;
  void InsertFrames(std::span<const uint64_t> words);

  const Database& database_;
  int64_t snapshot_id_;
  uint32_t frame_count_ = 0;
  bool all_loaded_ = false;  // but for what is damaged
  std::string problem_;      // of a chunk, once all are loaded
  bool ordinals_loaded_ = false;
  LargePool pool_;  // of what follows
  FrameSlots slots_;
  std::unordered_map<int64_t, std::unique_ptr<FrameChunk>> chunks_;  // by content id
};

// The frames of a FrameTable with the functions of LoadedFrames, but read when they are asked for:
// for one thread. `table` is borrowed.
struct FramesOnDemand {
  FrameTable* table;
  [[nodiscard]] const FrameFacts* Find(uint64_t pfn) const { return table->Find(pfn); }
  [[nodiscard]] bool HasAny(uint64_t pfn, uint64_t flags) const {
    return table->HasAny(pfn, flags);
  }
  void Prefetch(uint64_t pfn) const { table->Prefetch(pfn); }
};

}  // namespace pagesnap

#endif  // LIB_STORE_FRAMES_FRAME_TABLE_H_
