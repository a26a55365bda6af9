// What the kpage files say about the frames of one aligned PFN range <-> the blob of frame_chunk.
// schema/README.md has the byte layout.
#ifndef LIB_CODEC_FRAME_COLUMNS_H_
#define LIB_CODEC_FRAME_COLUMNS_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/bytes.h"

namespace pagesnap {

// Frames that one chunk covers; it starts at a multiple of this.
inline constexpr uint32_t kFramesPerChunk = 65536;

// A column value that could not be read; no kernel word has all bits set.
inline constexpr uint64_t kNotRead = ~uint64_t{0};

// A column of u64 with few distinct values: the distinct ones, and which of them each row has.
class DictionaryColumn {
 public:
  // Adds a row; throws Error after kFramesPerChunk of them. A column that was decoded can be
  // appended to as well.
  void Append(uint64_t value);

  [[nodiscard]] size_t size() const { return indexes_.size(); }
  [[nodiscard]] uint64_t at(size_t row) const { return values_[indexes_[row]]; }
  // Distinct values in the order of their first row.
  [[nodiscard]] const std::vector<uint64_t>& values() const { return values_; }
  [[nodiscard]] const std::vector<uint16_t>& indexes() const { return indexes_; }

 private:
  friend class FrameColumnDecoder;

  // Returns the slot that holds the index of `value`, or the free one where it belongs.
  [[nodiscard]] size_t FindSlot(uint64_t value) const;
  // Makes room for another distinct value.
  void GrowSlots();

  std::vector<uint64_t> values_;
  std::vector<uint16_t> indexes_;
  // While appending: an open-addressing hash table of indexes + 1, 0 where free; its size is zero
  // or a power of two.
  std::vector<uint32_t> slots_;
};

// Which frames of a chunk: bit i % 64 of word i / 64 is frame i.
using FrameBits = std::array<uint64_t, kFramesPerChunk / 64>;

// The frames of one chunk that were referenced, in PFN order, and their columns; kNotRead where a
// file could not be read.
struct FrameColumns {
  FrameBits referenced{};
  DictionaryColumn flags;      // /proc/kpageflags
  DictionaryColumn map_count;  // /proc/kpagecount
  DictionaryColumn cgroup;     // /proc/kpagecgroup: inode of the memory cgroup's directory
};

// Returns the blob. Each column has as many rows as `referenced` has bits. Thread-safe.
// With a `base`, the referenced frames of the same chunk a moment ago, only what differs from it is
// stored of them; the reader needs the same base. Without one, the base has no frames.
std::string EncodeFrameColumns(const FrameColumns& columns, const FrameBits& base = {});

// Returns the columns of a blob that is said to hold `frame_count` referenced frames. Throws Error
// for a blob that does not hold exactly that. Thread-safe.
FrameColumns DecodeFrameColumns(ByteSpan blob, uint32_t frame_count, const FrameBits& base = {});

// Returns only the referenced frames; likewise.
FrameBits DecodeFrameBits(ByteSpan blob, uint32_t frame_count, const FrameBits& base);

}  // namespace pagesnap

#endif  // LIB_CODEC_FRAME_COLUMNS_H_
