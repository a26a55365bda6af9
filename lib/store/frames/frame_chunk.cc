#include "lib/store/frames/frame_chunk.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace pagesnap {
namespace {

// Up to this, runs are searched faster than memory answers.
constexpr size_t kMaxSearchedRuns = 32;
// Up to this, frames are searched for in less time than it takes to write down the kind of each of
// the 65,536 of a chunk.
constexpr uint32_t kMaxSearchedFrames = 2048;

// Writes down the kind of each frame.
template <typename Kind>
void SpreadKinds(const std::vector<FrameRuns::Run>& runs, Kind* kinds) {
  size_t first = 0;
  for (const FrameRuns::Run& run : runs) {
    std::fill(kinds + first, kinds + run.last + 1, static_cast<Kind>(run.kind));
    first = run.last + size_t{1};
  }
}

}  // namespace

FrameChunk::FrameChunk(FrameRuns runs, uint32_t frame_count, LargePool& pool)
    : kinds_(std::move(runs.kinds)) {
  if (runs.runs.size() <= kMaxSearchedRuns || frame_count <= kMaxSearchedFrames) {
    runs_ = std::move(runs.runs);
  } else if (kinds_.size() > 256) {
    kind_of_.resize(kFramesPerChunk);
    SpreadKinds(runs.runs, kind_of_.data());
  } else {
    static_assert(kFramesPerChunk <= LargePool::kMaxPiece);
    auto* const kinds = static_cast<uint8_t*>(pool.Take(kFramesPerChunk));
    SpreadKinds(runs.runs, kinds);
    small_kind_of_ = kinds;
  }
  for (const FrameFacts& kind : kinds_) {
    if (kind.flags != kNotRead) any_flags_ |= kind.flags;
  }
}

const FrameRuns::Run& FrameChunk::RunOf(uint32_t index) const {
  // The last run ends with the chunk.
  return *std::lower_bound(
      runs_.begin(), runs_.end() - 1, index,
      [](const FrameRuns::Run& run, uint32_t place) { return run.last < place; });
}

uint32_t FrameChunk::EndOf(uint32_t index) const {
  auto end_in = [index](const auto* kind_of) {
    const auto kind = kind_of[index];
    return static_cast<uint32_t>(std::find_if(kind_of + index, kind_of + kFramesPerChunk,
                                              [kind](auto other) { return other != kind; }) -
                                 kind_of);
  };
  if (small_kind_of_ != nullptr) return end_in(small_kind_of_);
  return kind_of_.empty() ? RunOf(index).last + 1u : end_in(kind_of_.data());
}

}  // namespace pagesnap
