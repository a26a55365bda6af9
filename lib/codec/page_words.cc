#include "lib/codec/page_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "lib/base/error.h"
#include "lib/codec/plane.h"

namespace pagesnap {
namespace {

enum Format : uint8_t { kDeltas = 0, kRawWords = 1, kRunDeltas = 2, kRunValues = 3 };

constexpr int kFieldBits = 55;
constexpr uint64_t kFieldMask = (uint64_t{1} << kFieldBits) - 1;
constexpr int kMaxPlanes = 7;

// Present words and words in swap format are predicted apart. Neighbours tend to have consecutive
// PFNs, or consecutive swap offsets, which start at bit 5 of the field.
constexpr int kKinds = 2;
constexpr uint64_t kStride[kKinds] = {1, 32};
constexpr uint64_t kKindBit = uint64_t{1} << 63;

constexpr uint64_t ZigZagField(uint64_t delta) {
  return ZigZag(static_cast<int64_t>(delta << (64 - kFieldBits)) >> (64 - kFieldBits)) & kFieldMask;
}

// Buffers for one content. Large, but of fixed size, so it lives on the stack uninitialised.
struct Buffers {
  uint8_t high[kPagesPerChunk];           // bits 56-63 of each word
  uint8_t soft[kPagesPerChunk / 8];       // bit 55 of each word
  uint8_t continues[kPagesPerChunk / 8];  // bit set: the populated word is as predicted
  uint64_t values[kPagesPerChunk + 1];    // one more, read but not used by the decoder
  uint8_t planes[kMaxPlanes][kPagesPerChunk];
};

struct EncodeBuffers : Buffers {
  uint64_t fields[kPagesPerChunk];  // the field of each value, with kKindBit for swap format
};

void CheckCount(size_t count) {
  if (count == 0 || count > kPagesPerChunk) {
    throw Error(
        fmt::format("a page content has {} words; it must have 1 to {}", count, kPagesPerChunk));
  }
}

// ---- Encoding ----

// What a pass over the words finds besides the buffers it fills.
struct WordsSummary {
  size_t populated = 0;  // values in the buffers
  size_t starts = 0;     // those of them that differ from the prediction
  bool raw = false;      // a word without an entry has a field: only raw words keep it
};

WordsSummary Predict(std::span<const uint64_t> words, EncodeBuffers* buffers) {
  WordsSummary summary;
  uint64_t last[kKinds] = {};  // previous field - stride * its index
  uint64_t field_of_absent = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    const uint64_t word = words[i];
    const uint64_t field = word & kFieldMask;
    buffers->high[i] = static_cast<uint8_t>(word >> 56);
    if (word >> 62 == 0) {
      field_of_absent |= field;
      continue;
    }
    const unsigned kind = word >> 63 == 0;
    const uint64_t level = field - kStride[kind] * i;
    const uint64_t delta = ZigZagField(level - last[kind]);
    last[kind] = level;
    buffers->values[summary.populated] = delta;
    buffers->fields[summary.populated] = field | (kind != 0 ? kKindBit : 0);
    ++summary.populated;
    summary.starts += delta != 0;
  }
  summary.raw = field_of_absent != 0;
  return summary;
}

// The padding of the last byte repeats the last word's bit, so that equal bits stay equal bytes.
void PackSoftDirty(std::span<const uint64_t> words, uint8_t* soft) {
  for (size_t i = 0; i < words.size(); i += 8) {
    unsigned byte = 0;
    for (size_t j = 0; j < 8; ++j) {
      const uint64_t word = words[std::min(i + j, words.size() - 1)];
      byte |= static_cast<unsigned>(word >> kFieldBits & 1) << j;
    }
    soft[i / 8] = static_cast<uint8_t>(byte);
  }
}

// Moves the values and fields of run starts to the front and marks the other words.
void KeepRunStarts(size_t populated, EncodeBuffers* buffers) {
  std::fill_n(buffers->continues, (populated + 7) / 8, 0);
  size_t starts = 0;
  for (size_t i = 0; i < populated; ++i) {
    const uint64_t delta = buffers->values[i];
    buffers->values[starts] = delta;
    buffers->fields[starts] = buffers->fields[i];
    starts += delta != 0;
    buffers->continues[i / 8] |= static_cast<uint8_t>((delta == 0) << i % 8);
  }
}

// Lowest field of each kind among the run starts, and the bits that the distances from it need.
struct FieldRange {
  uint64_t base[kKinds] = {kFieldMask, kFieldMask};
  int bits = 0;
};

FieldRange FindRange(std::span<const uint64_t> fields) {
  FieldRange range;
  uint64_t highest[kKinds] = {};
  for (uint64_t value : fields) {
    const unsigned kind = value >> 63;
    const uint64_t field = value & kFieldMask;
    range.base[kind] = std::min(range.base[kind], field);
    highest[kind] = std::max(highest[kind], field);
  }
  for (int kind = 0; kind < kKinds; ++kind) {
    if (highest[kind] < range.base[kind]) {
      range.base[kind] = 0;
      continue;
    }
    range.bits = std::max<int>(range.bits, std::bit_width(highest[kind] - range.base[kind]));
  }
  return range;
}

// Says whether distances of random fields are dearer than the fields themselves. Deltas of
// uniformly distributed fields take 0.7 bits more; but deltas can have a pattern (memory
// interleaved over two nodes, frames in falling order) that zstd finds and no estimate shows.
bool ValuesAreShorter(std::span<const uint64_t> deltas, const FieldRange& range) {
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
  return !patterned && sampled * static_cast<size_t>(range.bits) < bits;
}

// Appends the number of planes and the planes of `values`.
void AppendValues(std::string* out, std::span<const uint64_t> values, Buffers* buffers) {
  uint64_t bits = 0;
  for (uint64_t value : values) bits |= value;
  const int count = PlanesNeeded(bits);
  out->push_back(static_cast<char>(count));
  for (int plane = 0; plane < count; ++plane) {
    uint8_t* bytes = buffers->planes[plane];
    for (size_t i = 0; i < values.size(); ++i) {
      bytes[i] = static_cast<uint8_t>(values[i] >> 8 * plane);
    }
    AppendPlane(out, {bytes, values.size()});
  }
}

void AppendRuns(std::string* out, const WordsSummary& summary, EncodeBuffers* buffers) {
  KeepRunStarts(summary.populated, buffers);
  const std::span<uint64_t> deltas(buffers->values, summary.starts);
  const std::span<const uint64_t> fields(buffers->fields, summary.starts);
  const FieldRange range = FindRange(fields);
  const bool as_values = ValuesAreShorter(deltas, range);
  if (!as_values && summary.starts == summary.populated) {
    AppendValues(out, deltas, buffers);
    return;
  }
  (*out)[0] = static_cast<char>(as_values ? kRunValues : kRunDeltas);
  AppendPlane(out, {buffers->continues, (summary.populated + 7) / 8});
  if (as_values) {
    for (uint64_t base : range.base) AppendVarint(out, base);
    for (size_t i = 0; i < fields.size(); ++i) {
      deltas[i] = (fields[i] & kFieldMask) - range.base[fields[i] >> 63];
    }
  }
  AppendValues(out, deltas, buffers);
}

void AppendRawWords(std::string* out, std::span<const uint64_t> words, Buffers* buffers) {
  for (int plane = 0; plane < 8; ++plane) {
    for (size_t i = 0; i < words.size(); ++i) {
      buffers->high[i] = static_cast<uint8_t>(words[i] >> 8 * plane);
    }
    AppendPlane(out, {buffers->high, words.size()});
  }
}

// ---- Decoding ----

template <int kPlanes>
void JoinPlanes(const Buffers& buffers, std::span<uint64_t> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    uint64_t value = 0;
    for (int plane = 0; plane < kPlanes; ++plane) {
      value |= static_cast<uint64_t>(buffers.planes[plane][i]) << 8 * plane;
    }
    values[i] = value;
  }
}

void ReadValues(ByteReader* reader, std::span<uint64_t> values, Buffers* buffers) {
  static constexpr decltype(&JoinPlanes<0>) kJoin[kMaxPlanes + 1] = {
      JoinPlanes<0>, JoinPlanes<1>, JoinPlanes<2>, JoinPlanes<3>,
      JoinPlanes<4>, JoinPlanes<5>, JoinPlanes<6>, JoinPlanes<7>};
  const int count = reader->ReadU8();
  if (count > kMaxPlanes) reader->Fail("its values are longer than 55 bits");
  for (int plane = 0; plane < count; ++plane) {
    ReadPlane(reader, {buffers->planes[plane], values.size()});
  }
  kJoin[count](*buffers, values);
}

// Reads the plane of continuing words and returns how many of `populated` words start a run.
size_t ReadContinues(ByteReader* reader, size_t populated, Buffers* buffers) {
  ReadPlane(reader, {buffers->continues, (populated + 7) / 8});
  if (populated % 8 != 0) buffers->continues[populated / 8] &= (1 << populated % 8) - 1;
  size_t starts = populated;
  for (size_t i = 0; i < (populated + 7) / 8; ++i) starts -= std::popcount(buffers->continues[i]);
  return starts;
}

// Puts the words together of what was read: high bits, soft-dirty bits and run starts.
template <bool kAsValues>
void JoinWords(const Buffers& buffers, const uint64_t (&base)[kKinds], std::span<uint64_t> words) {
  uint64_t last[kKinds] = {};  // previous field - stride * its index
  size_t populated = 0;
  const uint64_t* next = buffers.values;
  for (size_t i = 0; i < words.size(); ++i) {
    const uint64_t high = buffers.high[i];
    uint64_t word = high << 56 | static_cast<uint64_t>(buffers.soft[i / 8] >> i % 8 & 1) << 55;
    if (high >> 6 != 0) {
      const unsigned kind = high >> 7 == 0;
      const uint64_t predicted = last[kind] + kStride[kind] * i;
      const uint64_t start = (kAsValues ? base[kind] : predicted) + *next;
      const bool continues = buffers.continues[populated / 8] >> populated % 8 & 1;
      // Without a branch: in a mix of runs and single frames it would be mispredicted.
      const uint64_t field = (continues ? predicted : start) & kFieldMask;
      next += !continues;
      ++populated;
      last[kind] = field - kStride[kind] * i;
      word |= field;
    }
    words[i] = word;
  }
}

void ReadPredictedWords(ByteReader* reader, Format format, std::span<uint64_t> words,
                        Buffers* buffers) {
  ReadPlane(reader, {buffers->high, words.size()});
  ReadPlane(reader, {buffers->soft, (words.size() + 7) / 8});
  size_t populated = 0;
  for (size_t i = 0; i < words.size(); ++i) populated += buffers->high[i] >> 6 != 0;
  size_t starts = populated;
  if (format == kDeltas) {
    std::fill_n(buffers->continues, (populated + 7) / 8, 0);
  } else {
    starts = ReadContinues(reader, populated, buffers);
  }
  uint64_t base[kKinds] = {};
  if (format == kRunValues) {
    for (uint64_t& field : base) {
      field = reader->ReadVarint();
      if (field > kFieldMask) reader->Fail("its lowest field is longer than 55 bits");
    }
  }
  const std::span<uint64_t> values(buffers->values, starts);
  ReadValues(reader, values, buffers);
  buffers->values[starts] = 0;
  if (format == kRunValues) {
    JoinWords<true>(*buffers, base, words);
  } else {
    for (uint64_t& value : values) value = static_cast<uint64_t>(UnZigZag(value));
    JoinWords<false>(*buffers, base, words);
  }
}

void ReadRawWords(ByteReader* reader, std::span<uint64_t> words, Buffers* buffers) {
  std::ranges::fill(words, 0);
  for (int plane = 0; plane < 8; ++plane) {
    ReadPlane(reader, {buffers->high, words.size()});
    for (size_t i = 0; i < words.size(); ++i) {
      words[i] |= static_cast<uint64_t>(buffers->high[i]) << 8 * plane;
    }
  }
}

}  // namespace

std::string EncodePageWords(std::span<const uint64_t> words) {
  CheckCount(words.size());
  EncodeBuffers buffers;
  const WordsSummary summary = Predict(words, &buffers);
  std::string blob;
  if (summary.raw) {
    blob.push_back(static_cast<char>(kRawWords));
    AppendRawWords(&blob, words, &buffers);
    return blob;
  }
  blob.push_back(static_cast<char>(kDeltas));
  AppendPlane(&blob, {buffers.high, words.size()});
  PackSoftDirty(words, buffers.soft);
  AppendPlane(&blob, {buffers.soft, (words.size() + 7) / 8});
  if (summary.starts == 0) {
    AppendValues(&blob, {}, &buffers);
  } else {
    AppendRuns(&blob, summary, &buffers);
  }
  return blob;
}

void DecodePageWords(ByteSpan blob, std::span<uint64_t> words) {
  CheckCount(words.size());
  ByteReader reader(blob, "page words");
  Buffers buffers;
  const uint8_t format = reader.ReadU8();
  switch (format) {
    case kRawWords:
      ReadRawWords(&reader, words, &buffers);
      break;
    case kDeltas:
    case kRunDeltas:
    case kRunValues:
      ReadPredictedWords(&reader, static_cast<Format>(format), words, &buffers);
      break;
    default:
      reader.Fail("it has an unknown format");
  }
  reader.ExpectEnd();
}

}  // namespace pagesnap
