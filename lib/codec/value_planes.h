// Arrays of numbers as planes of their bytes, lowest first, behind the number of planes.
#ifndef LIB_CODEC_VALUE_PLANES_H_
#define LIB_CODEC_VALUE_PLANES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "lib/base/bytes.h"

namespace pagesnap {

// Planes are split and joined in blocks: with a fixed count of rounds the compiler vectorises.
inline constexpr size_t kPlaneBlock = 64;

// Sets plane[i] to the byte of values[i] that starts at bit `shift`. Both have kPlaneBlock
// elements.
template <typename Value>
void SplitBlock(const Value* __restrict values, int shift, uint8_t* __restrict plane) {
  for (size_t i = 0; i < kPlaneBlock; ++i) plane[i] = static_cast<uint8_t>(values[i] >> shift);
}

// Appends the number of planes and the planes of `values`, of which there are at most
// kPagesPerChunk, and whose array goes on to a multiple of kPlaneBlock: what is there is set to 0.
// `Value` is uint16_t or uint64_t. Throws Error as AppendPlane() does. Thread-safe.
template <typename Value>
void AppendValues(std::string* out, std::span<Value> values);

// Reads what AppendValues() wrote into an array of the same kind, and checks that there are no more
// planes than `max_planes`. Throws Error. Thread-safe.
template <typename Value>
void ReadValues(ByteReader* reader, int max_planes, std::span<Value> values);

}  // namespace pagesnap

#endif  // LIB_CODEC_VALUE_PLANES_H_
