// Whether the fields of page words take less space as deltas, or as distances from the lowest.
#ifndef LIB_CODEC_FIELD_RANGE_H_
#define LIB_CODEC_FIELD_RANGE_H_

#include <cstdint>
#include <span>

namespace pagesnap {

// A page word has a field of 55 bits: the PFN of a present page, the type and offset of one in swap
// format. The two kinds (0 and 1) are coded apart.
inline constexpr int kFieldBits = 55;
inline constexpr uint64_t kFieldMask = (uint64_t{1} << kFieldBits) - 1;
inline constexpr int kFieldKinds = 2;

struct FieldRange {
  uint64_t base[kFieldKinds] = {kFieldMask, kFieldMask};  // the lowest field; 0: there is none
  // The entropy of the distances from it, in bits, if they are uniformly distributed: zstd comes
  // near it, however far the range is from a power of 2. Of the kind that has more.
  double bits = 0;
};

// `fields` have the kind in bit 63; without `swap_format` all of them are of kind 0.
FieldRange FindRange(std::span<const uint64_t> fields, bool swap_format);

// Returns whether the distances of the fields from the lowest will take less than `deltas`, the
// differences (zig-zag) from what the field before predicts. They do when frames are random: deltas
// of uniformly distributed fields take 0.7 bits more. But deltas can have a pattern (memory
// interleaved over two nodes, frames in falling order) that zstd finds and no count of bits shows.
bool DistancesAreShorter(std::span<const uint64_t> deltas, const FieldRange& range);

}  // namespace pagesnap

#endif  // LIB_CODEC_FIELD_RANGE_H_
