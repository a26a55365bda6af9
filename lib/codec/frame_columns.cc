#include "lib/codec/frame_columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "lib/base/error.h"
#include "lib/codec/plane.h"

namespace pagesnap {
namespace {

constexpr size_t kBitmapSize = kFramesPerChunk / 8;
constexpr size_t kFirstSlotCount = 32;

void AppendColumn(std::string* out, const DictionaryColumn& column) {
  AppendVarint(out, column.values().size());
  for (uint64_t value : column.values()) AppendU64(out, value);
  if (column.values().size() <= 1) return;
  const int planes = column.values().size() <= 256 ? 1 : 2;
  std::vector<uint8_t> bytes(column.size());
  for (int plane = 0; plane < planes; ++plane) {
    std::ranges::transform(column.indexes(), bytes.begin(), [plane](uint16_t index) {
      return static_cast<uint8_t>(index >> 8 * plane);
    });
    AppendPlane(out, bytes);
  }
}

}  // namespace

void DictionaryColumn::Append(uint64_t value) {
  if (indexes_.size() >= kFramesPerChunk) {
    throw Error(fmt::format("a frame chunk has more than {} frames", kFramesPerChunk));
  }
  // Neighbouring frames are mostly alike.
  if (!indexes_.empty() && values_[indexes_.back()] == value) {
    indexes_.push_back(indexes_.back());
    return;
  }
  // `slots_` is empty at first, and in a column that was decoded.
  if (slots_.size() < 2 * (values_.size() + 1)) GrowSlots();
  const size_t slot = FindSlot(value);
  if (slots_[slot] == 0) {
    values_.push_back(value);
    slots_[slot] = static_cast<uint32_t>(values_.size());
  }
  indexes_.push_back(static_cast<uint16_t>(slots_[slot] - 1));
}

size_t DictionaryColumn::FindSlot(uint64_t value) const {
  // Fibonacci hashing: the high bits of the product depend on all bits of the value.
  const int shift = 64 - std::countr_zero(slots_.size());
  size_t slot = value * 0x9e3779b97f4a7c15 >> shift;
  while (slots_[slot] != 0 && values_[slots_[slot] - 1] != value) {
    slot = (slot + 1) & (slots_.size() - 1);
  }
  return slot;
}

void DictionaryColumn::GrowSlots() {
  slots_.assign(std::max(kFirstSlotCount, std::bit_ceil(4 * values_.size())), 0);
  for (size_t i = 0; i < values_.size(); ++i) {
    const size_t slot = FindSlot(values_[i]);
    // A blob may name a value twice; the first is as good as the second.
    if (slots_[slot] == 0) slots_[slot] = static_cast<uint32_t>(i + 1);
  }
}

// Fills columns from a blob.
class FrameColumnDecoder {
 public:
  FrameColumnDecoder(ByteReader* reader, size_t row_count)
      : reader_(reader), row_count_(row_count) {}

  void Read(DictionaryColumn* column) {
    ReadValues(&column->values_);
    column->indexes_.assign(row_count_, 0);
    if (column->values_.size() <= 1) return;
    bytes_.resize(row_count_);
    ReadPlane(reader_, bytes_);
    std::ranges::copy(bytes_, column->indexes_.begin());
    if (column->values_.size() > 256) {
      ReadPlane(reader_, bytes_);
      for (size_t i = 0; i < row_count_; ++i) column->indexes_[i] |= bytes_[i] << 8;
    }
    if (std::ranges::max(column->indexes_) >= column->values_.size()) {
      reader_->Fail("a frame has a value that is not there");
    }
  }

 private:
  void ReadValues(std::vector<uint64_t>* values) {
    const uint64_t count = reader_->ReadVarint();
    if (count > row_count_) reader_->Fail("it has more distinct values than frames");
    if (count == 0 && row_count_ != 0) reader_->Fail("it has frames without values");
    values->resize(count);
    for (uint64_t& value : *values) value = reader_->ReadU64();
  }

  ByteReader* reader_;
  size_t row_count_;
  std::vector<uint8_t> bytes_;
};

namespace {

constexpr char kBlobName[] = "frame columns";

FrameBits ReadBits(ByteReader* reader, uint32_t frame_count, const FrameBits& base) {
  std::array<uint8_t, kBitmapSize> bitmap;
  ReadPlane(reader, bitmap);
  FrameBits bits = base;
  for (size_t i = 0; i < bitmap.size(); ++i) {
    bits[i / 8] ^= static_cast<uint64_t>(bitmap[i]) << 8 * (i % 8);
  }
  size_t frames = 0;
  for (uint64_t word : bits) frames += std::popcount(word);
  // This also bounds a frame_count that is larger than the range.
  if (frames != frame_count) reader->Fail("its number of frames is not the one in its row");
  return bits;
}

}  // namespace

std::string EncodeFrameColumns(const FrameColumns& columns, const FrameBits& base) {
  std::array<uint8_t, kBitmapSize> bitmap;
  size_t frames = 0;
  for (size_t i = 0; i < columns.referenced.size(); ++i) {
    frames += std::popcount(columns.referenced[i]);
    const uint64_t word = columns.referenced[i] ^ base[i];
    for (size_t j = 0; j < 8; ++j) bitmap[8 * i + j] = static_cast<uint8_t>(word >> 8 * j);
  }
  std::string blob;
  AppendPlane(&blob, bitmap);
  for (const DictionaryColumn* column : {&columns.flags, &columns.map_count, &columns.cgroup}) {
    if (column->size() != frames) {
      throw Error(fmt::format("a frame column has {} rows for {} referenced frames", column->size(),
                              frames));
    }
    AppendColumn(&blob, *column);
  }
  return blob;
}

FrameBits DecodeFrameBits(ByteSpan blob, uint32_t frame_count, const FrameBits& base) {
  ByteReader reader(blob, kBlobName);
  return ReadBits(&reader, frame_count, base);
}

FrameColumns DecodeFrameColumns(ByteSpan blob, uint32_t frame_count, const FrameBits& base) {
  ByteReader reader(blob, kBlobName);
  FrameColumns columns;
  columns.referenced = ReadBits(&reader, frame_count, base);
  FrameColumnDecoder decoder(&reader, frame_count);
  for (DictionaryColumn* column : {&columns.flags, &columns.map_count, &columns.cgroup}) {
    decoder.Read(column);
  }
  reader.ExpectEnd();
  return columns;
}

}  // namespace pagesnap
