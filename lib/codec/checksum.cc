#include "lib/codec/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>

namespace pagesnap {
namespace {

// Hashes of words are compared between machines: they are of the bytes, lowest first.
ByteSpan BytesOf(std::span<const uint64_t> words) {
  static_assert(std::endian::native == std::endian::little);
  return {reinterpret_cast<const uint8_t*>(words.data()), words.size_bytes()};
}

}  // namespace

int64_t BlobChecksum(ByteSpan blob) {
  return static_cast<int64_t>(XXH3_64bits(blob.data(), blob.size()));
}

int64_t WordsChecksum(std::span<const uint64_t> words) { return BlobChecksum(BytesOf(words)); }

ContentIdentity IdentifyBytes(ByteSpan bytes) {
  XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

ContentIdentity IdentifyWords(std::span<const uint64_t> words) {
  return IdentifyBytes(BytesOf(words));
}

uint64_t CombineKeys(uint64_t first, uint64_t second) {
  const uint64_t pair[] = {first, second};
  const uint64_t key = XXH3_64bits(pair, sizeof pair);
  return key != 0 ? key : 1;
}

}  // namespace pagesnap
