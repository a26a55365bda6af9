#include "lib/codec/plane.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "lib/base/error.h"
#include "tests/codec/blob_testing.h"

namespace pagesnap {
namespace {

std::string Encode(const std::vector<uint8_t>& bytes) {
  std::string out;
  AppendPlane(&out, bytes);
  return out;
}

std::vector<uint8_t> Decode(ByteSpan plane, size_t size) {
  ByteReader reader(plane, "test");
  std::vector<uint8_t> bytes(size, 0xaa);
  ReadPlane(&reader, bytes);
  reader.ExpectEnd();
  return bytes;
}

std::vector<uint8_t> RandomBytes(size_t size, unsigned distinct) {
  std::mt19937_64 random(size);
  std::vector<uint8_t> bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % distinct);
  return bytes;
}

TEST(PlaneTest, ChoosesTheSmallestCoding) {
  EXPECT_EQ(ToHex(Encode({})), "00");
  EXPECT_EQ(ToHex(Encode(std::vector<uint8_t>(1000, 0))), "00");
  EXPECT_EQ(ToHex(Encode(std::vector<uint8_t>(1000, 7))), "0107");
  EXPECT_EQ(ToHex(Encode({5})), "0105");
  EXPECT_EQ(ToHex(Encode({5, 6})), "020506");
  std::vector<uint8_t> nearly_zero(1000, 0);
  nearly_zero[500] = 1;
  EXPECT_EQ(Encode(nearly_zero)[0], 3);
  EXPECT_LT(Encode(nearly_zero).size(), 40u);
  EXPECT_EQ(Encode(RandomBytes(4096, 256)).size(), 4097u);
}

TEST(PlaneTest, RoundTripsAtAllSizes) {
  for (size_t size : {0, 1, 2, 15, 16, 17, 63, 64, 65, 127, 200, 511, 512, 4096, 8192, 70000}) {
    for (unsigned distinct : {1, 2, 8, 64, 200, 256}) {
      const std::vector<uint8_t> bytes = RandomBytes(size, distinct);
      const std::string plane = Encode(bytes);
      EXPECT_LE(plane.size(), size + 1) << size << " bytes, " << distinct << " distinct";
      EXPECT_EQ(Decode(AsBytes(plane), size), bytes) << size << " bytes, " << distinct;
    }
  }
}

TEST(PlaneTest, LargePlanesOfPieces) {
  const std::vector<uint8_t> bytes = RandomBytes(3'000'000, 5);
  const ByteSpan all(bytes);
  for (size_t cut : {size_t{0}, size_t{1}, size_t{1'000'000}, bytes.size()}) {
    // What does not get smaller leaves zstd in the middle of a frame.
    const std::vector<uint8_t> incompressible = RandomBytes(40, 256);
    ASSERT_EQ(Encode(incompressible)[0], 2);
    const std::vector<ByteSpan> pieces = {all.first(cut), {}, all.subspan(cut)};
    std::string out;
    AppendLargePlane(&out, pieces);
    EXPECT_LT(out.size(), bytes.size() / 2);
    EXPECT_EQ(Decode(AsBytes(out), bytes.size()), bytes);
  }
}

TEST(PlaneTest, CompressesTheHighByteOfRandomFrames) {
  // Eight values have three bits of information.
  EXPECT_LT(Encode(RandomBytes(4096, 8)).size(), 4096u * 3 / 8 + 64);
}

TEST(PlaneTest, TellsRandomBytesFromOthers) {
  EXPECT_TRUE(LooksRandom(RandomBytes(4096, 256)));
  EXPECT_TRUE(LooksRandom(RandomBytes(512, 256)));
  EXPECT_TRUE(LooksRandom(RandomBytes(128, 256)));
  EXPECT_FALSE(LooksRandom(RandomBytes(63, 256)));
  EXPECT_FALSE(LooksRandom(RandomBytes(4096, 128)));
  EXPECT_FALSE(LooksRandom(std::vector<uint8_t>(4096, 1)));
  EXPECT_FALSE(LooksRandom({}));
}

TEST(PlaneTest, PlanesNeededAreBytes) {
  EXPECT_EQ(PlanesNeeded(0), 0);
  EXPECT_EQ(PlanesNeeded(1), 1);
  EXPECT_EQ(PlanesNeeded(0xff), 1);
  EXPECT_EQ(PlanesNeeded(0x100), 2);
  EXPECT_EQ(PlanesNeeded((uint64_t{1} << 55) - 1), 7);
  EXPECT_EQ(PlanesNeeded(~uint64_t{0}), 8);
}

TEST(PlaneTest, RefusesWhatIsNotExactlyThePlane) {
  const std::string zstd = Encode(RandomBytes(100, 2));
  ASSERT_EQ(zstd[0], 3);
  EXPECT_EQ(Decode(AsBytes(zstd), 100), RandomBytes(100, 2));
  EXPECT_THROW(Decode(AsBytes(zstd), 99), Error);
  EXPECT_THROW(Decode(AsBytes(zstd), 101), Error);
  for (const char* plane : {"", "01", "02 01", "03", "03 00", "03 01 28", "03 03 28b52f",
                            "03 05 28b52ffd", "04", "ff", "03 ffffffffffffffffff01 28b52ffd"}) {
    const std::string bytes = FromHex(plane);
    // Of the exact size, so that AddressSanitizer sees reads past the end.
    const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
    EXPECT_THROW(Decode(exact, 2), Error) << plane;
  }
}

TEST(PlaneTest, RefusesFramesOfOtherFormatsAndFramesInARow) {
  // Two frames of one byte each, in a raw block; alone, each is good.
  const std::string one = FromHex("28b52ffd 20 01 090000 61");
  EXPECT_EQ(Decode(AsBytes(FromHex("03 0a") + one), 1), std::vector<uint8_t>{0x61});
  EXPECT_THROW(Decode(AsBytes(FromHex("03 14") + one + one), 2), Error);
  // A skippable frame before it.
  EXPECT_THROW(Decode(AsBytes(FromHex("03 12 502a4d18 00000000") + one), 1), Error);
  // The magic of zstd 0.7.
  EXPECT_THROW(Decode(AsBytes(FromHex("03 0a 27b52ffd 20 01 090000 61")), 1), Error);
}

TEST(PlaneTest, SurvivesDamage) {
  for (unsigned distinct : {1, 2, 200}) {
    ExpectDamageIsSurvived(Encode(RandomBytes(100, distinct)),
                           [](ByteSpan plane) { Decode(plane, 100); });
  }
}

}  // namespace
}  // namespace pagesnap
