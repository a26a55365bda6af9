#include "lib/codec/page_words.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/error.h"
#include "lib/codec/field_range.h"
#include "lib/codec/plane.h"
#include "lib/codec/value_planes.h"

namespace pagesnap {
namespace {

enum Format : uint8_t { kDeltas = 0, kRawWords = 1, kRunDeltas = 2, kRunValues = 3 };

constexpr int kMaxPlanes = 7;

// Present words and words in swap format are predicted apart. Neighbours tend to have consecutive
// PFNs, or consecutive swap offsets, which start at bit 5 of the field.
constexpr uint64_t kStride[kFieldKinds] = {1, 32};

constexpr uint64_t ZigZagField(uint64_t delta) {
  return ZigZag(static_cast<int64_t>(delta << (64 - kFieldBits)) >> (64 - kFieldBits)) & kFieldMask;
}

// Buffers for one content. Large, but of fixed size, so they live on the stack uninitialised.
struct Buffers {
  uint8_t high[kPagesPerChunk];      // bits 56-63 of each word
  uint8_t soft[kPagesPerChunk / 8];  // bit 55 of each word
  uint16_t runs[kPagesPerChunk];     // populated words of each run, less one
  uint64_t values[kPagesPerChunk];   // the delta or the field of each run start
};

struct EncodeBuffers : Buffers {
  uint64_t fields[kPagesPerChunk];  // of each run start, with bit 63 set for swap format
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
  size_t populated = 0;
  size_t starts = 0;                // runs: words that differ from their prediction, and the first
  uint64_t last[kFieldKinds] = {};  // previous field - stride * its index
  bool swap_format = false;         // there are such words
  uint64_t absent_field = 0;        // OR of the fields of words without an entry
};

// Adds the populated ones of `words`, the first of which has number `first`, to values (as
// deltas), fields and runs (as the number of the run's first word).
template <bool kAllPresent>
void Predict(std::span<const uint64_t> words, size_t first, EncodeBuffers* buffers,
             WordsSummary* summary) {
  WordsSummary local = *summary;  // in registers
  for (size_t i = 0; i < words.size(); ++i) {
    const uint64_t word = words[i];
    const uint64_t field = word & kFieldMask;
    if (!kAllPresent && word >> 62 == 0) {
      local.absent_field |= field;
      continue;
    }
    const uint64_t kind = kAllPresent ? 0 : word >> 63 ^ 1;
    const uint64_t level = field - kStride[kind] * (first + i);
    const uint64_t delta = ZigZagField(level - local.last[kind]);
    local.last[kind] = level;
    local.swap_format |= kind != 0;
    // Without a branch: in a mix of runs and single frames it would be mispredicted.
    buffers->values[local.starts] = delta;
    buffers->fields[local.starts] = field | kind << 63;
    buffers->runs[local.starts] = static_cast<uint16_t>(local.populated);
    local.starts += (delta != 0) | (local.populated == 0);
    ++local.populated;
  }
  *summary = local;
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

void SummarizeBlock(std::span<const uint64_t> words, size_t first, EncodeBuffers* buffers,
                    WordsSummary* summary) {
  uint64_t all = ~uint64_t{0};
  uint64_t any = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    all &= words[i];
    any |= words[i];
  }
  // Blocks of one sort are the rule.
  const size_t soft_size = (words.size() + 7) / 8;
  if (((all ^ any) >> kFieldBits & 1) == 0) {
    std::fill_n(buffers->soft + first / 8, soft_size, any >> kFieldBits & 1 ? 0xff : 0);
  } else {
    PackSoftDirty(words, buffers->soft + first / 8);
  }
  if (all >> 63 != 0) {
    Predict<true>(words, first, buffers, summary);
  } else if (any >> 62 != 0) {
    Predict<false>(words, first, buffers, summary);
  } else {
    summary->absent_field |= any & kFieldMask;
  }
}

// Fills high, soft, values (with deltas), fields and runs (with the numbers of first words).
WordsSummary SplitWords(std::span<const uint64_t> words, EncodeBuffers* buffers) {
  WordsSummary summary;
  size_t i = 0;
  for (; i + kPlaneBlock <= words.size(); i += kPlaneBlock) {
    SplitBlock(&words[i], 56, buffers->high + i);
    SummarizeBlock(words.subspan(i, kPlaneBlock), i, buffers, &summary);
  }
  const std::span<const uint64_t> rest = words.subspan(i);
  for (size_t j = 0; j < rest.size(); ++j) buffers->high[i + j] = rest[j] >> 56;
  SummarizeBlock(rest, i, buffers, &summary);
  return summary;
}

// Turns the numbers of first words into lengths, and appends them.
void AppendRunLengths(std::string* out, const WordsSummary& summary, EncodeBuffers* buffers) {
  const std::span<uint16_t> runs(buffers->runs, summary.starts);
  AppendVarint(out, runs.size());
  for (size_t i = 0; i + 1 < runs.size(); ++i) {
    runs[i] = static_cast<uint16_t>(runs[i + 1] - runs[i] - 1);
  }
  runs.back() = static_cast<uint16_t>(summary.populated - runs.back() - 1);
  AppendValues(out, runs);
}

// Appends what follows the high and the soft-dirty bits, and sets the blob's format.
void AppendPopulated(std::string* out, const WordsSummary& summary, EncodeBuffers* buffers) {
  const std::span<uint64_t> values(buffers->values, summary.starts);
  const std::span<const uint64_t> fields(buffers->fields, summary.starts);
  const FieldRange range = FindRange(fields, summary.swap_format);
  const bool as_values = DistancesAreShorter(values, range);
  if (!as_values && summary.starts == summary.populated) {
    AppendValues(out, values);
    return;
  }
  (*out)[0] = static_cast<char>(as_values ? kRunValues : kRunDeltas);
  AppendRunLengths(out, summary, buffers);
  if (as_values) {
    for (uint64_t base : range.base) AppendVarint(out, base);
    for (size_t i = 0; i < fields.size(); ++i) {
      values[i] = (fields[i] & kFieldMask) - range.base[fields[i] >> 63];
    }
  }
  AppendValues(out, values);
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

// Reads the run lengths and returns how many there are.
size_t ReadRuns(ByteReader* reader, size_t populated, Buffers* buffers) {
  const uint64_t starts = reader->ReadVarint();
  if (starts > populated) reader->Fail("it has more runs than pages");
  ReadValues(reader, 2, std::span(buffers->runs, starts));
  size_t length = starts;
  for (size_t i = 0; i < starts; ++i) length += buffers->runs[i];
  if (length != populated) reader->Fail("its runs have not as many pages as it has");
  return starts;
}

// Puts the words together of what was read: high bits, soft-dirty bits and runs. The lengths of
// the runs sum up to the number of populated words.
template <bool kAsValues>
void JoinWords(const Buffers& buffers, const uint64_t (&base)[kFieldKinds],
               std::span<uint64_t> words) {
  uint64_t last[kFieldKinds] = {};  // previous field - stride * its index
  size_t next = 0;
  unsigned left = 0;  // words of the run that continue it
  for (size_t i = 0; i < words.size(); ++i) {
    const uint64_t high = buffers.high[i];
    uint64_t word = high << 56 | static_cast<uint64_t>(buffers.soft[i / 8] >> i % 8 & 1) << 55;
    if (high >> 6 != 0) {
      const uint64_t kind = high >> 7 ^ 1;
      uint64_t field = last[kind] + kStride[kind] * i;
      if (left == 0) {
        field = (kAsValues ? base[kind] : field) + buffers.values[next];
        left = buffers.runs[next] + 1u;
        ++next;
      }
      --left;
      last[kind] = field - kStride[kind] * i;
      word |= field & kFieldMask;
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
    std::fill_n(buffers->runs, populated, 0);
  } else {
    starts = ReadRuns(reader, populated, buffers);
  }
  uint64_t base[kFieldKinds] = {};
  if (format == kRunValues) {
    for (uint64_t& field : base) {
      field = reader->ReadVarint();
      if (field > kFieldMask) reader->Fail("its lowest field is longer than 55 bits");
    }
  }
  const std::span<uint64_t> values(buffers->values, starts);
  ReadValues(reader, kMaxPlanes, values);
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
  const WordsSummary summary = SplitWords(words, &buffers);
  std::string blob;
  if (summary.absent_field != 0) {
    blob.push_back(static_cast<char>(kRawWords));
    AppendRawWords(&blob, words, &buffers);
    return blob;
  }
  blob.push_back(static_cast<char>(kDeltas));
  AppendPlane(&blob, {buffers.high, words.size()});
  AppendPlane(&blob, {buffers.soft, (words.size() + 7) / 8});
  AppendPopulated(&blob, summary, &buffers);
  return blob;
}

void DecodePageWords(ByteSpan blob, std::span<uint64_t> words) {
  CheckCount(words.size());
  ByteReader reader(blob, "page words");
  Buffers buffers;
  const uint8_t format = reader.ReadU8();
  if (format > kRunValues) reader.Fail("it has an unknown format");
  if (format == kRawWords) {
    ReadRawWords(&reader, words, &buffers);
  } else {
    ReadPredictedWords(&reader, static_cast<Format>(format), words, &buffers);
  }
  reader.ExpectEnd();
}

}  // namespace pagesnap
