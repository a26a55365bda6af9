// Which frames are RAM.
#ifndef CAPTURE_RAM_RANGES_H_
#define CAPTURE_RAM_RANGES_H_

#include <cstdint>
#include <vector>

#include "lib/codec/frame_columns.h"
#include "lib/proc/parse_ram.h"

namespace pagesnap {

// What --frames all reads. Immutable: for all threads.
class RamRanges {
 public:
  // `ranges` are as JoinedRanges() returns them. Of machines with RAM in more than `chunk_limit`
  // chunks, which only a recorded tree can claim to be, what is behind these is left out.
  RamRanges(const std::vector<RamRange>& ranges, size_t chunk_limit);

  [[nodiscard]] const std::vector<RamRange>& ranges() const { return ranges_; }
  // Returns the number of frames in all of them.
  [[nodiscard]] uint64_t frame_count() const;
  // Returns the number of frames that were left out.
  [[nodiscard]] uint64_t left_out_count() const { return left_out_count_; }
  // Returns the numbers (first PFN / kFramesPerChunk) of the chunks that have RAM, ascending.
  [[nodiscard]] std::vector<uint64_t> ChunkNumbers() const;
  // Returns the frames of a chunk that are RAM.
  [[nodiscard]] FrameBits Frames(uint64_t number) const;

 private:
  std::vector<RamRange> ranges_;
  uint64_t left_out_count_ = 0;
};

}  // namespace pagesnap

#endif  // CAPTURE_RAM_RANGES_H_
