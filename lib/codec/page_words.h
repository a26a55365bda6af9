// Page words <-> the blob of page_content. schema/README.md has the byte layout.
#ifndef LIB_CODEC_PAGE_WORDS_H_
#define LIB_CODEC_PAGE_WORDS_H_

#include <cstdint>
#include <span>
#include <string>

#include "lib/base/bytes.h"

namespace pagesnap {

// Most pages that one content can have. A chunk starts at a multiple of it: in the file for file
// mappings, in the address space for all others, so that equal memory gives equal contents.
inline constexpr uint32_t kPagesPerChunk = 4096;

// Returns the blob for 1 to kPagesPerChunk words. Every bit of every word survives. Thread-safe.
std::string EncodePageWords(std::span<const uint64_t> words);

// Fills `words` from a blob; the caller has the count from page_content.page_count. Checks every
// length before it uses it, and allocates nothing that the blob names. Throws Error for a blob
// that does not hold exactly that many words. Thread-safe.
void DecodePageWords(ByteSpan blob, std::span<uint64_t> words);

}  // namespace pagesnap

#endif  // LIB_CODEC_PAGE_WORDS_H_
