#include "lib/codec/page_words.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "lib/base/error.h"
#include "tests/codec/blob_testing.h"

namespace pagesnap {
namespace {

using Words = std::vector<uint64_t>;

constexpr uint64_t kPresent = uint64_t{1} << 63;
constexpr uint64_t kSwap = uint64_t{1} << 62;
constexpr uint64_t kFieldMask = (uint64_t{1} << 55) - 1;

// The worked example of schema/README.md: frames 0x1234, 0x1235, a hole, 0x1237.
const Words kExampleWords = {0x8180000000001234, 0x8180000000001235, 0, 0x8180000000001237};
constexpr char kExample[] = "03 | 02 81810081 | 01 fb | 01 01 01 02 | b424 00 | 00";
// The same words in the other formats, which a writer could have chosen.
constexpr const char* kOtherFormats[] = {
    "00 | 02 81810081 | 01 fb | 02 02 680000 02 240000",
    "01 | 02 34350037 | 02 12120012 | 00 | 00 | 00 | 00 | 02 80800080 | 02 81810081",
    "02 | 02 81810081 | 01 fb | 01 01 01 02 | 02 01 68 01 24",
};

Words Decode(ByteSpan blob, size_t count) {
  Words words(count, 0xaaaaaaaaaaaaaaaa);
  DecodePageWords(blob, words);
  return words;
}

uint8_t ExpectRoundTrip(const Words& words) {
  const std::string blob = EncodePageWords(words);
  EXPECT_EQ(Decode(AsBytes(blob), words.size()), words);
  return static_cast<uint8_t>(blob[0]);
}

// Calls `word` for 1, 2, 63, 64, 65 and 4096 pages, and returns the format of the last.
template <typename MakeWord>
uint8_t ExpectRoundTrips(MakeWord word) {
  uint8_t format = 0;
  for (size_t count : {1, 2, 7, 8, 9, 63, 64, 65, 1000, 4095, 4096}) {
    Words words(count);
    for (size_t i = 0; i < count; ++i) words[i] = word(i);
    format = ExpectRoundTrip(words);
  }
  return format;
}

double BytesPerPage(const Words& words) {
  return static_cast<double>(EncodePageWords(words).size()) / static_cast<double>(words.size());
}

TEST(PageWordsTest, EncodesTheExample) {
  EXPECT_EQ(ToHex(EncodePageWords(kExampleWords)), ToHex(FromHex(kExample)));
}

TEST(PageWordsTest, DecodesTheExampleInEveryFormat) {
  EXPECT_EQ(Decode(AsBytes(FromHex(kExample)), 4), kExampleWords);
  for (const char* blob : kOtherFormats) {
    EXPECT_EQ(Decode(AsBytes(FromHex(blob)), 4), kExampleWords) << blob;
  }
}

TEST(PageWordsTest, RoundTripsWordsOfAllBits) {
  std::mt19937_64 random(1);
  EXPECT_EQ(ExpectRoundTrips([&](size_t) { return random(); }), 1) << "raw words";
  // All bits but none in the field of a word without an entry: no need for raw words.
  EXPECT_NE(ExpectRoundTrips([&](size_t) {
              const uint64_t word = random();
              return word >> 62 == 0 ? word & ~kFieldMask : word;
            }),
            1);
}

TEST(PageWordsTest, RoundTripsEverySingleBit) {
  for (int bit = 0; bit < 64; ++bit) {
    const uint64_t word = uint64_t{1} << bit;
    ExpectRoundTrip({word});
    ExpectRoundTrip({0, word, 0});
    ExpectRoundTrip({kPresent | word, kPresent, kPresent | word});
    ExpectRoundTrip({kSwap | word, kSwap, kSwap | word});
    ExpectRoundTrip(Words(4096, kPresent | word));
  }
  // Bits 59 and 60 have no meaning yet.
  ExpectRoundTrips([](size_t i) { return kPresent | uint64_t{i % 4} << 59 | i; });
}

TEST(PageWordsTest, RoundTripsEveryState) {
  std::mt19937_64 random(2);
  const uint64_t guard = 0x440000000000009f;
  ExpectRoundTrips([](size_t) { return uint64_t{0}; });
  ExpectRoundTrips([](size_t i) { return kPresent | (100 + i); });
  ExpectRoundTrips([](size_t i) { return kSwap | (100 + i) << 5 | 1; });
  ExpectRoundTrips([&](size_t) { return guard; });
  ExpectRoundTrips([](size_t) { return kPresent; });  // PFNs hidden
  ExpectRoundTrips([](size_t) { return kSwap; });
  ExpectRoundTrips([](size_t) { return kPresent | kFieldMask; });
  ExpectRoundTrips([](size_t) { return kPresent | kSwap | 77; });
  ExpectRoundTrips([&](size_t i) {
    const Words kinds = {0,     kPresent | (5000 + i),        kSwap | i << 5 | 2,
                         guard, kSwap | random() % 4096 << 5, kPresent | random() % 4096};
    return kinds[random() % kinds.size()];
  });
}

TEST(PageWordsTest, RoundTripsPageShiftWords) {
  // Linux 3.10 has the page shift, 12, in bits 55-60 of every word, absent ones included.
  const uint64_t shift = uint64_t{12} << 55;
  EXPECT_NE(ExpectRoundTrips([&](size_t i) { return shift | (i % 3 ? kPresent | (9 + i) : 0); }),
            1);
}

TEST(PageWordsTest, RoundTripsFieldsAtTheEndsOfTheirRange) {
  std::mt19937_64 random(3);
  ExpectRoundTrips([&](size_t i) { return kPresent | (i % 2 ? kFieldMask : 0); });
  ExpectRoundTrips([&](size_t i) { return kPresent | ((kFieldMask - 3 + i) & kFieldMask); });
  ExpectRoundTrips([&](size_t) { return kPresent | (random() & kFieldMask); });
  ExpectRoundTrips([&](size_t) { return kSwap | (random() & kFieldMask); });
  ExpectRoundTrips([&](size_t i) { return (i % 2 ? kSwap : kPresent) | (random() & kFieldMask); });
}

TEST(PageWordsTest, RoundTripsRunsOfAllLengths) {
  std::mt19937_64 random(4);
  for (uint64_t longest : {2, 3, 16, 300, 4096}) {
    uint64_t frame = 0;
    uint64_t left = 0;
    ExpectRoundTrips([&](size_t) {
      if (random() % 10 == 0) return uint64_t{0};
      if (left-- == 0) {
        frame = random() % (1 << 22);
        left = random() % longest;
      }
      return (random() % 50 == 0 ? kSwap | frame++ << 5 : kPresent | frame++);
    });
  }
}

TEST(PageWordsTest, RandomFramesTakeTheirEntropy) {
  Words frames(524288);
  std::iota(frames.begin(), frames.end(), 0);
  std::shuffle(frames.begin(), frames.end(), std::mt19937_64(5));
  Words words(frames.begin(), frames.begin() + 4096);
  for (uint64_t& word : words) word |= kPresent | 0x100000;
  EXPECT_EQ(ExpectRoundTrip(words), 3);
  EXPECT_LT(BytesPerPage(words), 2.42);
}

// Of 5.5 million frames each takes 22.4 bits, not the 23 that such a number has.
TEST(PageWordsTest, RandomFramesOfAnyNumberTakeTheirEntropy) {
  std::mt19937_64 random(8);
  Words words(4096);
  for (uint64_t& word : words) word = kPresent | random() % 5'500'000;
  EXPECT_EQ(ExpectRoundTrip(words), 3);
  EXPECT_LT(BytesPerPage(words), 22.4 / 8 + 0.03);
}

TEST(PageWordsTest, RandomFramesAndSwapSlotsHaveTheirOwnLowestField) {
  std::mt19937_64 random(7);
  Words words(4096);
  for (uint64_t& word : words) {
    word = random() % 2 != 0 ? kPresent | (uint64_t{1} << 40 | random() % 65536)
                             : kSwap | (uint64_t{1} << 30 | random() % 2048) << 5;
  }
  EXPECT_EQ(ExpectRoundTrip(words), 3);
  // Two bytes of the field, and a bit that tells present from swapped.
  EXPECT_LT(BytesPerPage(words), 2 + 0.2);
}

TEST(PageWordsTest, RunsOfFramesTakeNextToNothing) {
  Words contiguous(4096);
  Words huge(4096);
  Words falling(4096);
  Words two_nodes(4096);
  for (uint64_t i = 0; i < 4096; ++i) {
    contiguous[i] = kPresent | (12345 + i);
    huge[i] = kPresent | ((i / 512 * 37 % 11) * 512 + i % 512);
    falling[i] = kPresent | (1000000 - i);
    two_nodes[i] = kPresent | ((i % 2 != 0 ? 9000000 : 1000000) + i / 2);
  }
  EXPECT_LT(BytesPerPage(contiguous), 0.005);
  EXPECT_LT(BytesPerPage(huge), 0.01);
  EXPECT_LT(BytesPerPage(falling), 0.03);
  EXPECT_LT(BytesPerPage(two_nodes), 0.05);
  for (const Words& words : {contiguous, huge, falling, two_nodes}) ExpectRoundTrip(words);
  Words swapped(4096);
  for (uint64_t i = 0; i < 4096; ++i) swapped[i] = kSwap | (777 + i) << 5 | 1;
  EXPECT_LT(BytesPerPage(swapped), 0.006);
}

TEST(PageWordsTest, RefusesCountsThatNoContentHas) {
  Words none;
  Words many(4097);
  EXPECT_THROW(EncodePageWords(none), Error);
  EXPECT_THROW(EncodePageWords(many), Error);
  EXPECT_THROW(DecodePageWords(AsBytes(FromHex(kExample)), none), Error);
  EXPECT_THROW(DecodePageWords(AsBytes(FromHex(kExample)), many), Error);
}

TEST(PageWordsTest, RefusesBlobsThatAreNotThoseWords) {
  EXPECT_THROW(Decode(AsBytes(FromHex(kExample)), 3), Error);
  EXPECT_THROW(Decode(AsBytes(FromHex(kExample)), 5), Error);
  const std::string head = "02 81810081 | 01 fb |";
  for (const char* blob : {
           "04", "ff",                            // unknown format
           "03 HEAD 04 00 | 00 00 | 00",          // more runs than pages
           "03 HEAD 01 01 01 01 | b424 00 | 00",  // runs shorter than the pages
           "03 HEAD 01 01 01 03 | b424 00 | 00",  // and longer
           "03 HEAD 00 00 | b424 00 | 00",        // no run for three pages
           "03 HEAD 01 03 00 00 00 | b424 00 | 00",
           "03 HEAD 01 01 01 02 | 808080808080808001 00 | 00",  // base of 56 bits
           "03 HEAD 01 01 01 02 | b424 808080808080808001 | 00",
           "00 HEAD 08 00 00 00 00 00 00 00 00",  // eight planes
       }) {
    std::string text = blob;
    if (size_t at = text.find("HEAD"); at != std::string::npos) text.replace(at, 4, head);
    EXPECT_THROW(Decode(AsBytes(FromHex(text)), 4), Error) << blob;
  }
}

TEST(PageWordsTest, SurvivesDamage) {
  auto decode = [](size_t count) { return [count](ByteSpan blob) { Decode(blob, count); }; };
  ExpectDamageIsSurvived(FromHex(kExample), decode(4));
  for (const char* blob : kOtherFormats) ExpectDamageIsSurvived(FromHex(blob), decode(4));
  // Large enough for planes that zstd compresses.
  std::mt19937_64 random(6);
  Words words(150);
  for (size_t i = 0; i < words.size(); ++i) {
    words[i] = i % 7 == 0 ? kSwap | random() % 64 : kPresent | random() % 64;
  }
  ExpectDamageIsSurvived(EncodePageWords(words), decode(words.size()));
  words[3] = 1;
  ExpectDamageIsSurvived(EncodePageWords(words), decode(words.size()));
  Words runs(4096);
  for (size_t i = 0; i < runs.size(); ++i) runs[i] = kPresent | (i / 512 * 99 % 64 * 512 + i % 512);
  ExpectDamageIsSurvived(EncodePageWords(runs), decode(runs.size()));
}

}  // namespace
}  // namespace pagesnap
