// Checksums of blobs and identities of contents: XXH3 (xxhash.com).
#ifndef LIB_CODEC_CHECKSUM_H_
#define LIB_CODEC_CHECKSUM_H_

#include <array>
#include <cstdint>
#include <span>

#include "lib/base/bytes.h"

namespace pagesnap {

// Returns XXH3-64 with seed 0 of a blob, as SQLite's signed integer: the `checksum` columns.
int64_t BlobChecksum(ByteSpan blob);
// The same of the bytes of words, the lowest of each first.
int64_t WordsChecksum(std::span<const uint64_t> words);

// Names a content by the XXH3-128 hash of its bytes or words: equal identities are taken for equal
// contents.
struct ContentIdentity {
  uint64_t low = 0;
  uint64_t high = 0;
  friend bool operator==(const ContentIdentity&, const ContentIdentity&) = default;
};
ContentIdentity IdentifyBytes(ByteSpan bytes);
ContentIdentity IdentifyWords(std::span<const uint64_t> words);

// Returns a key for the pair, never 0. Equal pairs give equal keys; other pairs others, as good as
// always.
uint64_t CombineKeys(uint64_t first, uint64_t second);

}  // namespace pagesnap

#endif  // LIB_CODEC_CHECKSUM_H_
