#include "capture/frame_set.h"

#include <bit>

namespace pagesnap {

FrameSet::Bits& FrameSet::ChunkFor(uint64_t number) {
  if (number < kNearChunks && number >= near_.size()) near_.resize(number + 1);
  std::unique_ptr<Bits>& chunk = number < kNearChunks ? near_[number] : far_[number];
  if (!chunk) chunk = std::make_unique<Bits>();
  return *chunk;
}

std::vector<uint64_t> FrameSet::ChunkNumbers() const {
  std::vector<uint64_t> numbers;
  for (uint64_t number = 0; number < near_.size(); ++number) {
    if (near_[number]) numbers.push_back(number);
  }
  for (const auto& [number, bits] : far_) numbers.push_back(number);
  return numbers;
}

const FrameSet::Bits& FrameSet::Chunk(uint64_t number) const {
  return number < kNearChunks ? *near_[number] : *far_.at(number);
}

uint64_t FrameSet::Count() const {
  uint64_t count = 0;
  for (uint64_t number : ChunkNumbers()) {
    for (uint64_t word : Chunk(number)) count += std::popcount(word);
  }
  return count;
}

}  // namespace pagesnap
