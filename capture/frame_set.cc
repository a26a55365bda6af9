#include "capture/frame_set.h"

#include <algorithm>
#include <bit>

#include "lib/base/number.h"

namespace pagesnap {
namespace {

// 256 TiB of 4 KiB frames; a zoneinfo that names more is not believed.
constexpr uint64_t kMostNearChunks = uint64_t{1} << 20;

}  // namespace

FrameSet::FrameSet(uint64_t ram_end)
    : near_(std::min(DivideRoundingUp(ram_end, kFramesPerChunk), kMostNearChunks)) {}

FrameSet::~FrameSet() {
  for (auto& chunk : near_) delete chunk.load();
}

FrameSet::SharedBits* FrameSet::ChunkFor(uint64_t number) {
  if (number >= near_.size()) {
    std::lock_guard lock(far_mutex_);
    std::unique_ptr<SharedBits>& chunk = far_[number];
    if (!chunk) chunk = std::make_unique<SharedBits>();
    return chunk.get();
  }
  auto fresh = std::make_unique<SharedBits>();
  SharedBits* known = nullptr;
  // Whoever comes first wins; the others use the winner's.
  if (near_[number].compare_exchange_strong(known, fresh.get(), std::memory_order_acq_rel)) {
    return fresh.release();
  }
  return known;
}

std::vector<uint64_t> FrameSet::ChunkNumbers() const {
  std::vector<uint64_t> numbers;
  for (uint64_t number = 0; number < near_.size(); ++number) {
    if (near_[number].load() != nullptr) numbers.push_back(number);
  }
  for (const auto& [number, bits] : far_) numbers.push_back(number);
  return numbers;
}

FrameSet::Bits FrameSet::Chunk(uint64_t number) const {
  const SharedBits& shared = number < near_.size() ? *near_[number].load() : *far_.at(number);
  Bits bits;
  std::transform(shared.begin(), shared.end(), bits.begin(),
                 [](const auto& word) { return word.load(std::memory_order_relaxed); });
  return bits;
}

uint64_t FrameSet::Count() const {
  uint64_t count = 0;
  for (uint64_t number : ChunkNumbers()) {
    for (uint64_t word : Chunk(number)) count += std::popcount(word);
  }
  return count;
}

}  // namespace pagesnap
