// What the kpage files say about the frames of one aligned PFN range <-> the blob of frame_content.
// schema/README.md has the byte layout.
#ifndef LIB_CODEC_FRAME_COLUMNS_H_
#define LIB_CODEC_FRAME_COLUMNS_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/base/bytes.h"

namespace pagesnap {

// Frames that one chunk covers; it starts at a multiple of this.
inline constexpr uint32_t kFramesPerChunk = 65536;

// A column value that could not be read; no kernel word has all bits set.
inline constexpr uint64_t kNotRead = ~uint64_t{0};

// Few distinct u64 values, numbered in the order in which they came.
class Dictionary {
 public:
  // Returns the number of `value`, which is a new one for a new value; throws Error after
  // kFramesPerChunk of them.
  uint16_t Number(uint64_t value);
  // Forgets the values and keeps the memory.
  void Clear();

  [[nodiscard]] const std::vector<uint64_t>& values() const { return values_; }

 private:
  // Returns the slot that holds the number of `value`, or the free one where it belongs.
  [[nodiscard]] size_t FindSlot(uint64_t value) const;
  // Makes room for another value.
  void GrowSlots();

  std::vector<uint64_t> values_;
  // An open-addressing hash table of numbers + 1, 0 where free; its size is zero or a power of two.
  std::vector<uint32_t> slots_;
};

// A column of u64 with few distinct values: the distinct ones, and which of them each row has.
class DictionaryColumn {
 public:
  // Adds a row; throws Error after kFramesPerChunk of them.
  void Append(uint64_t value) { Append({&value, 1}); }
  // Adds a row for each value.
  void Append(std::span<const uint64_t> values);
  // Removes all rows and keeps the memory: a chunk that is read after another one needs no more.
  void Clear();

  [[nodiscard]] size_t size() const { return indexes_.size(); }
  [[nodiscard]] uint64_t at(size_t row) const { return dictionary_.values()[indexes_[row]]; }
  // Distinct values in the order of their first row.
  [[nodiscard]] const std::vector<uint64_t>& values() const { return dictionary_.values(); }
  [[nodiscard]] const std::vector<uint16_t>& indexes() const { return indexes_; }

 private:
  Dictionary dictionary_;
  std::vector<uint16_t> indexes_;
};

// Which frames of a chunk: bit i % 64 of word i / 64 is frame i.
using FrameBits = std::array<uint64_t, kFramesPerChunk / 64>;

// What the kpage files said of one frame; kNotRead where they could not be read.
struct FrameFacts {
  uint64_t flags = kNotRead;
  uint64_t map_count = kNotRead;
  uint64_t cgroup = kNotRead;
  friend bool operator==(const FrameFacts&, const FrameFacts&) = default;
};

// The frames of one chunk that were referenced, in PFN order, and their columns; kNotRead where a
// file could not be read. Among them are the frames behind folios that may go on there
// (MayFolioGoOn), with 0 or COMPOUND_TAIL for their flags and nothing else.
struct FrameColumns {
  FrameBits referenced{};
  uint32_t behind_count = 0;   // frames of these that no page refers to
  DictionaryColumn flags;      // /proc/kpageflags
  DictionaryColumn map_count;  // /proc/kpagecount
  DictionaryColumn cgroup;     // /proc/kpagecgroup: inode of the memory cgroup's directory
};

// The facts of all frames of one chunk, in runs of frames that are alike. Frames that no page
// refers to are in the run before them or behind them: what it says of them means nothing. Which
// frames those are is in the page words, and stored there alone.
struct FrameRuns {
  struct Run {
    uint16_t last;  // frame, from the chunk's start; ascending, kFramesPerChunk - 1 in the last run
    uint16_t kind;  // index into `kinds`
  };
  std::vector<FrameFacts> kinds;  // distinct facts
  std::vector<Run> runs;
};

// Returns the blob. There is at least one referenced frame, and each column has as many rows as
// `referenced` has bits. Equal facts of the same frames give equal blobs. With a `base`, what was
// said of the same chunk a moment ago, only frames with other facts are stored, and the reader
// needs the same base. A frame that no page refers to, behind one with any of `edge_flags`, gets
// the facts of the next one that has some, or of the first: so a folio that is mapped in part does
// not look whole. Throws Error for columns with other rows. Thread-safe.
std::string EncodeFrameColumns(const FrameColumns& columns, const FrameRuns* base = nullptr,
                               uint64_t edge_flags = 0);

// Returns what a blob holds, of any version of the file. Throws Error for one that is damaged.
// Thread-safe.
FrameRuns DecodeFrameColumns(ByteSpan blob, const FrameRuns* base = nullptr);

}  // namespace pagesnap

#endif  // LIB_CODEC_FRAME_COLUMNS_H_
