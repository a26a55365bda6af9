#include "lib/codec/field_range.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <iterator>

namespace pagesnap {

FieldRange FindRange(std::span<const uint64_t> fields, bool swap_format) {
  FieldRange range;
  uint64_t highest[kFieldKinds] = {};
  if (!swap_format) {
    // The loop below with its one kind in registers.
    uint64_t low = kFieldMask;
    uint64_t high = 0;
    for (uint64_t field : fields) {
      low = std::min(low, field);
      high = std::max(high, field);
    }
    range.base[0] = low;
    highest[0] = high;
  } else {
    for (uint64_t value : fields) {
      const uint64_t kind = value >> 63;
      range.base[kind] = std::min(range.base[kind], value & kFieldMask);
      highest[kind] = std::max(highest[kind], value & kFieldMask);
    }
  }
  for (int kind = 0; kind < kFieldKinds; ++kind) {
    if (highest[kind] < range.base[kind]) {
      range.base[kind] = 0;
    } else {
      const auto count = static_cast<double>(highest[kind] - range.base[kind] + 1);
      range.bits = std::max(range.bits, std::log2(count));
    }
  }
  return range;
}

bool DistancesAreShorter(std::span<const uint64_t> deltas, const FieldRange& range) {
  constexpr size_t kSampleSize = 512;
  const size_t step = std::max<size_t>(1, deltas.size() / kSampleSize);
  const size_t sampled = deltas.size() / step;
  bool seen[256] = {};
  size_t bits = 0;
  for (size_t i = 0; i < sampled; ++i) {
    const uint64_t delta = deltas[i * step];
    seen[delta >> 1 & 0xff] = true;
    // A number of b bits takes the place of its highest bit too, about one bit more.
    bits += std::bit_width(delta | 1) + 1;
  }
  const size_t distinct = std::count(seen, std::end(seen), true);
  const bool patterned = sampled >= 64 && distinct < 32;
  return !patterned && static_cast<double>(sampled) * range.bits < static_cast<double>(bits);
}

}  // namespace pagesnap
