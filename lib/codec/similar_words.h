// Page words that are mostly those of another content: the blob of a page_content with a base.
// schema/README.md has the byte layout.
#ifndef LIB_CODEC_SIMILAR_WORDS_H_
#define LIB_CODEC_SIMILAR_WORDS_H_

#include <cstdint>
#include <span>
#include <string>

#include "lib/base/bytes.h"

namespace pagesnap {

// A content may be coded against one that is coded itself, but a reader never has to decode more
// than this many contents for one. Each step costs little, as it holds only what differs.
inline constexpr int kMaxBaseSteps = 16;

// How many words differ: all, and those of pages that are there (present or in swap format).
struct Misses {
  size_t all = 0;
  size_t present = 0;
};

// Returns how many of `words` differ from the base's word at the same place: word i of the content
// is at place i + shift of the base. Where the base has no word, an absent page (0) is expected.
Misses CountMisses(std::span<const uint64_t> words, std::span<const uint64_t> base, int64_t shift);

// Returns the blob of `words` (1 to kPagesPerChunk) against `base`. Thread-safe.
std::string EncodeSimilarWords(std::span<const uint64_t> words, std::span<const uint64_t> base,
                               int64_t shift);

// Fills `words` from a blob and the words of its base. Throws Error for a blob that does not hold
// exactly that many words. Thread-safe.
void DecodeSimilarWords(ByteSpan blob, std::span<const uint64_t> base, std::span<uint64_t> words);

}  // namespace pagesnap

#endif  // LIB_CODEC_SIMILAR_WORDS_H_
