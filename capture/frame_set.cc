#include "capture/frame_set.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "lib/base/number.h"

namespace pagesnap {
namespace {

// 256 TiB of 4 KiB frames; a zoneinfo that names more is not believed.
constexpr uint64_t kMaxNearChunks = uint64_t{1} << 20;

// 1 TiB of 4 KiB frames, for which the second bit takes 32 MiB.
constexpr uint64_t kMaxFramesWithSecondBit = uint64_t{1} << 28;

FrameBits Load(const std::array<std::atomic<uint64_t>, kFramesPerChunk / 64>& shared) {
  FrameBits bits;
  std::transform(shared.begin(), shared.end(), bits.begin(),
                 [](const auto& word) { return word.load(std::memory_order_relaxed); });
  return bits;
}

}  // namespace

FrameSet::FrameSet(uint64_t ram_end, size_t chunk_limit)
    : second_bit_(ram_end <= kMaxFramesWithSecondBit),
      chunk_limit_(second_bit_ ? chunk_limit / 2 : chunk_limit),
      near_(std::min(DivideRoundingUp(ram_end, kFramesPerChunk), kMaxNearChunks)) {}

FrameSet::~FrameSet() {
  for (auto& chunk : near_) delete chunk.load();
}

// Returns null when there are as many chunks as may be.
FrameSet::Chunk* FrameSet::ChunkFor(uint64_t number) {
  const std::lock_guard lock(mutex_);
  const bool is_near = number < near_.size();
  if (is_near) {
    Chunk* known = near_[number].load(std::memory_order_relaxed);
    if (known != nullptr) return known;
  } else if (auto known = far_.find(number); known != far_.end()) {
    return known->second.get();
  }
  if (chunk_count_ == chunk_limit_) return nullptr;
  auto fresh = std::make_unique<Chunk>();
  Chunk* chunk = fresh.get();
  if (is_near) {
    near_[number].store(fresh.release(), std::memory_order_release);
  } else {
    far_.emplace(number, std::move(fresh));
  }
  ++chunk_count_;
  return chunk;
}

const FrameSet::Chunk& FrameSet::Known(uint64_t number) const {
  return number < near_.size() ? *near_[number].load() : *far_.at(number);
}

std::vector<uint64_t> FrameSet::ChunkNumbers() const {
  std::vector<uint64_t> numbers;
  for (uint64_t number = 0; number < near_.size(); ++number) {
    if (near_[number].load() != nullptr) numbers.push_back(number);
  }
  for (const auto& [number, bits] : far_) numbers.push_back(number);
  return numbers;
}

FrameSet::Bits FrameSet::Frames(uint64_t number) const { return Load(Known(number).referenced); }

FrameSet::Bits FrameSet::MappedOnce(uint64_t number) const {
  if (!second_bit_) return {};
  Bits bits = Frames(number);
  const SharedBits* shared = Known(number).shared.load();
  if (shared == nullptr) return bits;
  const Bits others = Load(*shared);
  for (size_t i = 0; i < bits.size(); ++i) bits[i] &= ~others[i];
  return bits;
}

uint64_t FrameSet::Count() const {
  uint64_t count = 0;
  for (uint64_t number : ChunkNumbers()) {
    for (uint64_t word : Frames(number)) count += std::popcount(word);
  }
  return count;
}

}  // namespace pagesnap
