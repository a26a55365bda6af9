#include "capture/ram_ranges.h"

#include <algorithm>

namespace pagesnap {

RamRanges::RamRanges(const std::vector<RamRange>& ranges, size_t chunk_limit) {
  uint64_t chunk_count = 0;
  uint64_t next_chunk = 0;  // behind those that were counted
  for (const RamRange& range : ranges) {
    const uint64_t end = range.first_pfn + range.frame_count;
    const uint64_t first_new = std::max(range.first_pfn / kFramesPerChunk, next_chunk);
    const uint64_t allowed_end = (first_new + chunk_limit - chunk_count) * kFramesPerChunk;
    const uint64_t kept_end = std::min(end, allowed_end);
    if (kept_end < end) left_out_count_ += end - std::max(kept_end, range.first_pfn);
    if (kept_end <= range.first_pfn) continue;
    ranges_.push_back({range.first_pfn, kept_end - range.first_pfn});
    const uint64_t last_chunk = (kept_end - 1) / kFramesPerChunk;
    if (last_chunk >= first_new) chunk_count += last_chunk + 1 - first_new;
    next_chunk = last_chunk + 1;
  }
}

uint64_t RamRanges::frame_count() const {
  uint64_t count = 0;
  for (const RamRange& range : ranges_) count += range.frame_count;
  return count;
}

std::vector<uint64_t> RamRanges::ChunkNumbers() const {
  std::vector<uint64_t> numbers;
  for (const RamRange& range : ranges_) {
    const uint64_t last = (range.first_pfn + range.frame_count - 1) / kFramesPerChunk;
    for (uint64_t number = range.first_pfn / kFramesPerChunk; number <= last; ++number) {
      if (numbers.empty() || numbers.back() < number) numbers.push_back(number);
    }
  }
  return numbers;
}

FrameBits RamRanges::Frames(uint64_t number) const {
  FrameBits bits{};
  const uint64_t chunk_first = number * kFramesPerChunk;
  const uint64_t chunk_end = chunk_first + kFramesPerChunk;
  auto range = std::ranges::partition_point(
      ranges_, [&](const RamRange& one) { return one.first_pfn + one.frame_count <= chunk_first; });
  for (; range != ranges_.end() && range->first_pfn < chunk_end; ++range) {
    uint64_t frame = std::max(range->first_pfn, chunk_first) - chunk_first;
    const uint64_t end = std::min(range->first_pfn + range->frame_count, chunk_end) - chunk_first;
    while (frame < end) {
      const uint64_t count = std::min(end - frame, 64 - frame % 64);
      const uint64_t run = count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
      bits[frame / 64] |= run << frame % 64;
      frame += count;
    }
  }
  return bits;
}

}  // namespace pagesnap
