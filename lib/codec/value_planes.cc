#include "lib/codec/value_planes.h"

#include <algorithm>

#include "lib/codec/page_words.h"
#include "lib/codec/plane.h"

namespace pagesnap {
namespace {

static_assert(kPagesPerChunk % kPlaneBlock == 0);

constexpr size_t PadToBlock(size_t size) {
  return (size + kPlaneBlock - 1) / kPlaneBlock * kPlaneBlock;
}

template <typename Value>
void JoinBlock(const uint8_t* __restrict plane, int shift, Value* __restrict values) {
  for (size_t i = 0; i < kPlaneBlock; ++i) {
    values[i] = static_cast<Value>(values[i] | static_cast<Value>(plane[i]) << shift);
  }
}

}  // namespace

template <typename Value>
void AppendValues(std::string* out, std::span<Value> values) {
  const size_t size = values.size();
  const size_t padded = PadToBlock(size);
  std::fill(values.data() + size, values.data() + padded, 0);
  uint64_t bits = 0;
  for (uint64_t value : values) bits |= value;
  const int count = PlanesNeeded(bits);
  out->push_back(static_cast<char>(count));
  uint8_t plane[kPagesPerChunk];
  for (int i = 0; i < count; ++i) {
    for (size_t first = 0; first < padded; first += kPlaneBlock) {
      SplitBlock(values.data() + first, 8 * i, plane + first);
    }
    AppendPlane(out, {plane, size});
  }
}

template <typename Value>
void ReadValues(ByteReader* reader, int max_planes, std::span<Value> values) {
  const size_t padded = PadToBlock(values.size());
  std::fill_n(values.data(), padded, 0);
  const int count = reader->ReadU8();
  if (count > max_planes) reader->Fail("its values are too long");
  uint8_t plane[kPagesPerChunk];
  for (int i = 0; i < count; ++i) {
    ReadPlane(reader, {plane, values.size()});
    std::fill(plane + values.size(), plane + padded, 0);
    for (size_t first = 0; first < padded; first += kPlaneBlock) {
      JoinBlock(plane + first, 8 * i, &values[first]);
    }
  }
}

template void AppendValues(std::string*, std::span<uint16_t>);
template void AppendValues(std::string*, std::span<uint64_t>);
template void ReadValues(ByteReader*, int, std::span<uint16_t>);
template void ReadValues(ByteReader*, int, std::span<uint64_t>);

}  // namespace pagesnap
