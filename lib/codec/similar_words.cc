#include "lib/codec/similar_words.h"

#include <array>
#include <bit>

#include "lib/base/error.h"
#include "lib/codec/page_words.h"
#include "lib/codec/plane.h"

namespace pagesnap {
namespace {

// One bit for each word, lowest bit first: set where it is not the base's.
using MissMask = std::array<uint8_t, kPagesPerChunk / 8>;

uint64_t Expected(std::span<const uint64_t> base, size_t index, int64_t shift) {
  // As unsigned numbers, places before the start lie far behind the end.
  uint64_t place = static_cast<uint64_t>(index) + static_cast<uint64_t>(shift);
  return place < base.size() ? base[place] : 0;
}

bool IsMiss(const MissMask& mask, size_t index) {
  return (mask[index / 8] >> (index % 8) & 1) != 0;
}

}  // namespace

size_t CountMisses(std::span<const uint64_t> words, std::span<const uint64_t> base, int64_t shift) {
  size_t misses = 0;
  for (size_t i = 0; i < words.size(); ++i) misses += words[i] != Expected(base, i, shift);
  return misses;
}

std::string EncodeSimilarWords(std::span<const uint64_t> words, std::span<const uint64_t> base,
                               int64_t shift) {
  if (words.empty() || words.size() > kPagesPerChunk) {
    throw Error("a content has 1 to 4096 words");
  }
  MissMask mask = {};
  std::array<uint64_t, kPagesPerChunk> missed;
  size_t misses = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == Expected(base, i, shift)) continue;
    mask[i / 8] = static_cast<uint8_t>(mask[i / 8] | 1U << (i % 8));
    missed[misses++] = words[i];
  }
  std::string blob;
  AppendVarint(&blob, ZigZag(shift));
  AppendPlane(&blob, std::span(mask).first((words.size() + 7) / 8));
  if (misses > 0) blob += EncodePageWords(std::span(missed).first(misses));
  return blob;
}

void DecodeSimilarWords(ByteSpan blob, std::span<const uint64_t> base, std::span<uint64_t> words) {
  ByteReader reader(blob, "page words");
  if (words.empty() || words.size() > kPagesPerChunk) reader.Fail("its page count is impossible");
  int64_t shift = UnZigZag(reader.ReadVarint());
  MissMask mask = {};
  std::span<uint8_t> used = std::span(mask).first((words.size() + 7) / 8);
  ReadPlane(&reader, used);
  size_t misses = 0;
  for (size_t i = 0; i < words.size(); ++i) misses += IsMiss(mask, i);
  std::array<uint64_t, kPagesPerChunk> missed;
  if (misses > 0) {
    DecodePageWords(reader.ReadBytes(reader.remaining()), std::span(missed).first(misses));
  }
  reader.ExpectEnd();
  size_t next = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    words[i] = IsMiss(mask, i) ? missed[next++] : Expected(base, i, shift);
  }
}

}  // namespace pagesnap
