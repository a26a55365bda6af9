// What a snapshot knows of its frames, by PFN.
#ifndef LIB_STORE_FRAME_TABLE_H_
#define LIB_STORE_FRAME_TABLE_H_

#include <cstdint>
#include <map>
#include <memory>
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

// One frame_chunk, decoded for look-ups: about 2 bytes a referenced frame and 16 KiB.
class FrameChunk {
 public:
  FrameChunk(uint64_t first_pfn, const FrameColumns& columns);

  [[nodiscard]] uint64_t first_pfn() const { return first_pfn_; }
  [[nodiscard]] size_t frame_count() const { return kind_of_.size(); }

  // Returns the facts of the frame at `index` (0 to kFramesPerChunk - 1) from the chunk's start, or
  // null when it was not referenced.
  [[nodiscard]] const FrameFacts* Find(uint32_t index) const {
    const Word& word = words_[index / 64];
    uint64_t below = uint64_t{1} << (index % 64);
    if ((word.bits & below) == 0) return nullptr;
    return &kinds_[kind_of_[word.rank + __builtin_popcountll(word.bits & (below - 1))]];
  }

 private:
  struct Word {
    uint64_t bits = 0;
    uint32_t rank = 0;  // referenced frames before this word
  };
  uint64_t first_pfn_;
  std::vector<Word> words_;
  std::vector<uint16_t> kind_of_;  // of each referenced frame, in PFN order
  std::vector<FrameFacts> kinds_;  // the distinct facts of the chunk
};

// All frames of one snapshot. Chunks are read when they are first asked for. Not for two threads
// at once.
class FrameTable {
 public:
  // `database` is borrowed.
  FrameTable(const Database& database, int64_t snapshot_id);

  // Returns the facts of a frame, or null when no captured page refers to it. Throws Error when
  // its chunk is damaged.
  const FrameFacts* Find(uint64_t pfn);

  // Returns the chunks' first PFNs, ascending.
  [[nodiscard]] const std::vector<uint64_t>& first_pfns() const { return first_pfns_; }
  // Returns the chunk that starts at `first_pfn`, or null. Throws like Find.
  const FrameChunk* Chunk(uint64_t first_pfn);

 private:
  std::unique_ptr<FrameChunk> Load(uint64_t first_pfn);

  const Database& database_;
  int64_t snapshot_id_;
  std::vector<uint64_t> first_pfns_;
  // By chunk number, for RAM; a PFN of device memory may be anywhere and goes to the map.
  std::vector<std::unique_ptr<FrameChunk>> chunks_;
  std::map<uint64_t, std::unique_ptr<FrameChunk>> far_chunks_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_FRAME_TABLE_H_
