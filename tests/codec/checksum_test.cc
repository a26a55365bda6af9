#include "lib/codec/checksum.h"

#include <gtest/gtest.h>

#include <vector>

namespace pagesnap {
namespace {

TEST(ChecksumTest, IsXxh3OfSeedZero) {
  // The value that the xxHash project gives for no input (XXH3_64bits, tests/sanity_test.c).
  EXPECT_EQ(static_cast<uint64_t>(BlobChecksum({})), 0x2d06800538d394c2u);
  const ContentIdentity empty = IdentifyWords({});
  EXPECT_EQ(empty.low, 0x6001c324468d497fu);
  EXPECT_EQ(empty.high, 0x99aa06d3014798d8u);
}

TEST(ChecksumTest, EveryBitCounts) {
  const std::vector<uint64_t> words(100, 0x8100000000001234);
  const ContentIdentity identity = IdentifyWords(words);
  const std::string text(100, 'a');
  for (size_t bit = 0; bit < 64; ++bit) {
    std::vector<uint64_t> other = words;
    other[bit] ^= uint64_t{1} << bit;
    EXPECT_NE(IdentifyWords(other), identity) << bit;
    std::string changed = text;
    changed[bit] = static_cast<char>(changed[bit] ^ 1);
    EXPECT_NE(BlobChecksum(AsBytes(changed)), BlobChecksum(AsBytes(text))) << bit;
  }
  EXPECT_NE(IdentifyWords(std::span(words).first(99)), identity);
  EXPECT_EQ(IdentifyWords(std::vector<uint64_t>(words)), identity);
}

}  // namespace
}  // namespace pagesnap
