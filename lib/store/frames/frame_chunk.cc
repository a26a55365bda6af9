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

template <typename Kind>
std::vector<Kind> KindOfEach(const std::vector<FrameRuns::Run>& runs) {
  std::vector<Kind> kinds;
  kinds.reserve(kFramesPerChunk);
  for (const FrameRuns::Run& run : runs) {
    kinds.insert(kinds.end(), run.last + size_t{1} - kinds.size(), static_cast<Kind>(run.kind));
  }
  return kinds;
}

}  // namespace

FrameChunk::FrameChunk(FrameRuns runs, uint32_t frame_count) : kinds_(std::move(runs.kinds)) {
  if (runs.runs.size() <= kMaxSearchedRuns || frame_count <= kMaxSearchedFrames) {
    runs_ = std::move(runs.runs);
  } else if (kinds_.size() > 256) {
    kind_of_ = KindOfEach<uint16_t>(runs.runs);
  } else {
    small_kind_of_ = KindOfEach<uint8_t>(runs.runs);
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
  auto end_in = [index](const auto& kind_of) {
    const auto kind = kind_of[index];
    return static_cast<uint32_t>(std::find_if(kind_of.begin() + index, kind_of.end(),
                                              [kind](auto other) { return other != kind; }) -
                                 kind_of.begin());
  };
  if (!small_kind_of_.empty()) return end_in(small_kind_of_);
  return kind_of_.empty() ? RunOf(index).last + 1u : end_in(kind_of_);
}

}  // namespace pagesnap
