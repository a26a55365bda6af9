#include "lib/codec/similar_words.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "lib/base/error.h"
#include "lib/codec/page_words.h"
#include "tests/codec/blob_testing.h"

namespace pagesnap {
namespace {

using Words = std::vector<uint64_t>;

constexpr uint64_t kPresent = uint64_t{1} << 63;

Words RandomFrames(size_t count, uint32_t seed) {
  std::mt19937_64 random(seed);
  Words words(count);
  for (uint64_t& word : words) word = kPresent | random() % (1 << 24);
  return words;
}

Words RoundTrip(const Words& words, const Words& base, int64_t shift) {
  std::string blob = EncodeSimilarWords(words, base, shift);
  Words decoded(words.size(), 0xdead);
  DecodeSimilarWords(AsBytes(blob), base, decoded);
  return decoded;
}

// The worked example of schema/README.md.
constexpr char kExample[] = "02 01 01 01 02 03 01 81 01 ff 01 00 80 40 00 00";

TEST(SimilarWordsTest, EncodesTheDocumentedExample) {
  Words base = {0x8180000000001234, 0x8180000000001235, 0, 0x8180000000001237};
  Words words = {0x8180000000001235, 0, 0x8180000000002000};
  EXPECT_EQ(ToHex(EncodeSimilarWords(words, base, 1)), ToHex(FromHex(kExample)));
  Words decoded(3);
  DecodeSimilarWords(AsBytes(FromHex(kExample)), base, decoded);
  EXPECT_EQ(decoded, words);
}

TEST(SimilarWordsTest, SurvivesAnyShift) {
  Words base = RandomFrames(1000, 1);
  for (int64_t shift : {-5000, -1000, -999, -1, 0, 1, 17, 999, 1000, 5000}) {
    for (size_t count : {1, 7, 8, 9, 1000, 4096}) {
      Words words = RandomFrames(count, 2);
      for (size_t i = 0; i < count; i += 3) {
        int64_t place = static_cast<int64_t>(i) + shift;
        if (place >= 0 && place < 1000) words[i] = base[place];
      }
      EXPECT_EQ(RoundTrip(words, base, shift), words) << shift << " " << count;
    }
  }
}

TEST(SimilarWordsTest, KeepsEveryBit) {
  std::mt19937_64 random(3);
  Words base(100);
  Words words(100);
  for (uint64_t& word : base) word = random();
  for (uint64_t& word : words) word = random();
  EXPECT_EQ(RoundTrip(words, base, 0), words);
}

TEST(SimilarWordsTest, EqualWordsTakeAFewBytes) {
  Words base = RandomFrames(4096, 4);
  EXPECT_LE(EncodeSimilarWords(base, base, 0).size(), 3U);
  EXPECT_EQ(RoundTrip(base, base, 0), base);
}

TEST(SimilarWordsTest, OnePercentOfMissesTakesAFewPercentOfTheBytes) {
  Words base = RandomFrames(4096, 5);
  Words words = base;
  for (size_t i = 0; i < 41; ++i) words[i * 99] = kPresent | (i * 7919 % (1 << 24));
  EXPECT_EQ(CountMisses(words, base, 0).all, 41U);
  EXPECT_LT(EncodeSimilarWords(words, base, 0).size(), EncodePageWords(words).size() / 25);
}

TEST(SimilarWordsTest, CountsWhatIsBeyondTheBaseAsAbsent) {
  Words base = {kPresent | 1};
  EXPECT_EQ(CountMisses(Words{kPresent | 1, 0, kPresent | 2}, base, 0).all, 1U);
  EXPECT_EQ(CountMisses(Words{kPresent | 1, 0, kPresent | 2}, base, 0).present, 1U);
  EXPECT_EQ(CountMisses(Words{0}, base, 0).all, 1U);
  EXPECT_EQ(CountMisses(Words{0}, base, 0).present, 0U);
  EXPECT_EQ(CountMisses(Words{0, kPresent | 1}, base, -1).all, 0U);
}

TEST(SimilarWordsTest, RefusesImpossibleCounts) {
  EXPECT_THROW(EncodeSimilarWords({}, {}, 0), Error);
  EXPECT_THROW(EncodeSimilarWords(Words(4097), {}, 0), Error);
  Words none;
  EXPECT_THROW(DecodeSimilarWords(AsBytes(FromHex(kExample)), {}, none), Error);
}

TEST(SimilarWordsTest, DamagedBlobsAreErrorsOrOtherWords) {
  Words base = RandomFrames(64, 6);
  Words words = RandomFrames(50, 7);
  for (size_t i = 0; i < 40; ++i) words[i] = base[i];
  ExpectDamageIsSurvived(
      EncodeSimilarWords(words, base, 0),
      [&](ByteSpan blob) {
        Words decoded(50);
        DecodeSimilarWords(blob, base, decoded);
      },
      false);
}

}  // namespace
}  // namespace pagesnap
