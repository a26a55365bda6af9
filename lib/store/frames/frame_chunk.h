// What a snapshot knows of the frames of one chunk.
#ifndef LIB_STORE_FRAMES_FRAME_CHUNK_H_
#define LIB_STORE_FRAMES_FRAME_CHUNK_H_

#include <cstdint>
#include <vector>

#include "lib/base/large_pool.h"
#include "lib/base/prefetch.h"
#include "lib/codec/frame_columns.h"

namespace pagesnap {

// The facts of the frames of a chunk, decoded for look-ups: 1 or 2 bytes a frame; or only the runs
// where few will be asked for, as in a small process, of which a series has one for each moment.
class FrameChunk {
 public:
  // `frame_count`: how many frames pages refer to, and so about how many will be asked for. `pool`
  // is borrowed, and must outlive the chunk.
  FrameChunk(FrameRuns runs, uint32_t frame_count, LargePool& pool);

  // Returns the facts of the frame at `index` (0 to kFramesPerChunk - 1) from the chunk's start.
  // They mean something only for a frame that a page of the snapshot refers to, and for the one
  // behind a folio (FrameColumns).
  [[nodiscard]] const FrameFacts& at(uint32_t index) const {
    if (small_kind_of_ != nullptr) return kinds_[small_kind_of_[index]];
    return kinds_[kind_of_.empty() ? RunOf(index).kind : kind_of_[index]];
  }
  // Returns the first index behind `index` at which the facts are others, or kFramesPerChunk.
  [[nodiscard]] uint32_t EndOf(uint32_t index) const;
  // Has the processor fetch what at() needs.
  void Prefetch(uint32_t index) const {
    if (small_kind_of_ != nullptr) {
      pagesnap::Prefetch(&small_kind_of_[index]);
    } else if (!kind_of_.empty()) {
      pagesnap::Prefetch(&kind_of_[index]);
    }
  }
  // Returns the kind of each frame, an index into kinds(), where it takes a byte; otherwise null.
  [[nodiscard]] const uint8_t* small_kind_of() const { return small_kind_of_; }
  [[nodiscard]] const std::vector<FrameFacts>& kinds() const { return kinds_; }
  // Returns whether the frame at `index` is known to have one of these flags. Much faster than at()
  // for flags that few frames have.
  [[nodiscard]] bool HasAny(uint32_t index, uint64_t flags) const {
    if ((any_flags_ & flags) == 0) return false;
    const uint64_t own = at(index).flags;
    return own != kNotRead && (own & flags) != 0;
  }

 private:
  [[nodiscard]] const FrameRuns::Run& RunOf(uint32_t index) const;

  // The kind of each frame, in one of these. Less memory is also fewer cache misses: look-ups come
  // in random order.
  const uint8_t* small_kind_of_ = nullptr;  // of the pool
  std::vector<uint16_t> kind_of_;
  std::vector<FrameRuns::Run> runs_;
  std::vector<FrameFacts> kinds_;
  uint64_t any_flags_ = 0;  // the flags of all frames, of those whose flags were read
};

}  // namespace pagesnap

#endif  // LIB_STORE_FRAMES_FRAME_CHUNK_H_
