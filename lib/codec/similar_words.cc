#include "lib/codec/similar_words.h"

#include <array>
#include <vector>

#include "lib/base/error.h"
#include "lib/codec/page_words.h"
#include "lib/codec/plane.h"

namespace pagesnap {
namespace {

uint64_t Expected(std::span<const uint64_t> base, size_t index, int64_t shift) {
  // As unsigned numbers, places before the start lie far behind the end.
  uint64_t place = static_cast<uint64_t>(index) + static_cast<uint64_t>(shift);
  return place < base.size() ? base[place] : 0;
}

}  // namespace

Misses CountMisses(std::span<const uint64_t> words, std::span<const uint64_t> base, int64_t shift) {
  constexpr uint64_t kPopulated = uint64_t{3} << 62;  // PageWord::populated()
  Misses misses;
  for (size_t i = 0; i < words.size(); ++i) {
    const bool differs = words[i] != Expected(base, i, shift);
    misses.all += differs;
    misses.present += differs && (words[i] & kPopulated) != 0;
  }
  return misses;
}

std::string EncodeSimilarWords(std::span<const uint64_t> words, std::span<const uint64_t> base,
                               int64_t shift) {
  if (words.empty() || words.size() > kPagesPerChunk) {
    throw Error("a content has 1 to 4096 words");
  }
  std::vector<uint64_t> missed;
  std::vector<uint32_t> hits_before;  // each miss
  size_t next = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == Expected(base, i, shift)) continue;
    missed.push_back(words[i]);
    hits_before.push_back(static_cast<uint32_t>(i - next));
    next = i + 1;
  }
  std::string blob;
  AppendVarint(&blob, ZigZag(shift));
  AppendVarint(&blob, missed.size());
  if (missed.empty()) return blob;
  AppendNumbers(&blob, hits_before);
  blob += EncodePageWords(missed);
  return blob;
}

void DecodeSimilarWords(ByteSpan blob, std::span<const uint64_t> base, std::span<uint64_t> words) {
  ByteReader reader(blob, "page words");
  if (words.empty() || words.size() > kPagesPerChunk) reader.Fail("its page count is impossible");
  int64_t shift = UnZigZag(reader.ReadVarint());
  for (size_t i = 0; i < words.size(); ++i) words[i] = Expected(base, i, shift);
  const uint64_t misses = reader.ReadVarint();
  if (misses > words.size()) reader.Fail("it has more words than pages");
  if (misses > 0) {
    const std::vector<uint32_t> hits_before = ReadNumbers(&reader, misses);
    std::array<uint64_t, kPagesPerChunk> missed;
    DecodePageWords(reader.ReadBytes(reader.remaining()), std::span(missed).first(misses));
    size_t place = 0;
    for (size_t i = 0; i < misses; ++i, ++place) {
      place += hits_before[i];
      if (place >= words.size()) reader.Fail("it has words behind its end");
      words[place] = missed[i];
    }
  }
  reader.ExpectEnd();
}

}  // namespace pagesnap
