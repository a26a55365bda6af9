// Which frames are the same in two snapshots of one boot.
#ifndef LIB_QUERY_CHANGE_SAME_FRAMES_H_
#define LIB_QUERY_CHANGE_SAME_FRAMES_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "lib/base/large_pool.h"
#include "lib/base/prefetch.h"
#include "lib/codec/frame_columns.h"
#include "lib/query/change/page_change.h"
#include "lib/store/frames/loaded_frames.h"

namespace pagesnap {

// A bit for each frame of the chunks that both snapshots have. Immutable, so for all threads.
class SameFrames {
 public:
  // Compares all frames of both on all cores. Where frames cannot be compared
  // (Comparability kNothing, a damaged chunk), none is the same.
  SameFrames(LoadedFrames before, LoadedFrames after, const PageClassifier& classifier);
  SameFrames(const SameFrames&) = delete;
  SameFrames& operator=(const SameFrames&) = delete;

  // Returns whether a present page with equal words on both sides is unchanged when it maps this
  // frame: both snapshots know it, and PageClassifier::SameFacts. To be asked of no other frames:
  // what a file says of those that no page refers to means nothing.
  [[nodiscard]] bool Contains(uint64_t pfn) const {
    const uint64_t number = pfn / kFramesPerChunk;
    if (number >= chunks_.size() || !chunks_[number]) return false;
    const uint64_t index = pfn % kFramesPerChunk;
    return ((*chunks_[number])[index / 64] >> (index % 64) & 1) != 0;
  }

  // Has the processor fetch what Contains() needs.
  void Prefetch(uint64_t pfn) const {
    const uint64_t number = pfn / kFramesPerChunk;
    if (number < chunks_.size() && chunks_[number]) {
      pagesnap::Prefetch(&(*chunks_[number])[pfn % kFramesPerChunk / 64]);
    }
  }

  // Returns true when that holds of each frame that both refer to; it may still hold where this is
  // false.
  [[nodiscard]] bool all() const { return all_; }

 private:
  using Pair = std::pair<const FrameChunk*, const FrameChunk*>;

  // Sets the bits of the chunk; false unless all are set.
  static bool Compare(const FrameChunk& before, const FrameChunk& after,
                      const PageClassifier& classifier, FrameBits* same);

  bool all_ = true;
  LargePool pool_;                        // of what follows
  std::vector<const FrameBits*> chunks_;  // by PFN / kFramesPerChunk; null: not of both
  std::map<Pair, FrameBits*> bits_;       // the same, once for chunks that are alike
};

}  // namespace pagesnap

#endif  // LIB_QUERY_CHANGE_SAME_FRAMES_H_
