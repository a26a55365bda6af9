#include "lib/codec/bit_coder.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

// Returns bits that are 1 with a chance of `ones` in 256.
std::vector<bool> RandomBits(size_t count, unsigned ones, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<bool> bits;
  for (size_t i = 0; i < count; ++i) bits.push_back(random() % 256 < ones);
  return bits;
}

std::string Encode(const std::vector<bool>& bits) {
  std::string out = "before";
  BitEncoder encoder(&out);
  BitModel model;
  for (const bool bit : bits) encoder.Encode(bit, &model);
  encoder.Finish();
  EXPECT_EQ(out.substr(0, 6), "before");
  return out.substr(6);
}

std::vector<bool> Decode(const std::string& bytes, size_t count) {
  ByteReader reader(AsBytes(bytes), "test");
  BitDecoder decoder(&reader);
  BitModel model;
  std::vector<bool> bits;
  for (size_t i = 0; i < count; ++i) bits.push_back(decoder.Decode(&model));
  decoder.ExpectEnd();
  return bits;
}

TEST(BitCoderTest, RoundTripsAndTakesWhatBitsAreWorth) {
  constexpr size_t kCount = 20'000;
  for (unsigned seed = 0; seed < 20; ++seed) {
    // Bytes in eight times as many bits: nearly none, half a bit each, a whole one.
    for (const auto& [ones, max_bytes] :
         {std::pair(0u, 60u), {1u, 160u}, {28u, 1350u}, {128u, 2650u}, {255u, 160u}, {256u, 60u}}) {
      const std::vector<bool> bits = RandomBits(kCount, ones, seed);
      const std::string bytes = Encode(bits);
      EXPECT_LE(bytes.size(), max_bytes) << ones;
      EXPECT_EQ(Decode(bytes, kCount), bits) << ones;
    }
  }
}

TEST(BitCoderTest, EveryShortStringOfBitsRoundTrips) {
  for (unsigned value = 0; value < 4096; ++value) {
    std::vector<bool> bits;
    for (unsigned rest = value; rest != 0; rest >>= 1) bits.push_back((rest & 1) != 0);
    EXPECT_EQ(Decode(Encode(bits), bits.size()), bits);
  }
}

TEST(BitCoderTest, RefusesBytesTooManyAndTooFew) {
  const std::vector<bool> bits = RandomBits(1000, 100, 1);
  const std::string bytes = Encode(bits);
  EXPECT_THROW(Decode(bytes + '\0', bits.size()), Error);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(Decode(bytes.substr(0, size), bits.size()), Error);
  }
}

}  // namespace
}  // namespace pagesnap
