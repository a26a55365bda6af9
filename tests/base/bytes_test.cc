#include "lib/base/bytes.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

std::string Varint(uint64_t value) {
  std::string out;
  AppendVarint(&out, value);
  return out;
}

TEST(BytesTest, ZigZagKeepsSmallMagnitudesSmall) {
  static_assert(ZigZag(0) == 0 && ZigZag(-1) == 1 && ZigZag(1) == 2 && ZigZag(-2) == 3);
  for (int64_t value : {int64_t{0}, int64_t{-1}, int64_t{12345}, int64_t{-98765},
                        std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    EXPECT_EQ(UnZigZag(ZigZag(value)), value);
  }
  EXPECT_EQ(ZigZag(std::numeric_limits<int64_t>::min()), ~uint64_t{0});
}

TEST(BytesTest, VarintIsLeb128) {
  EXPECT_EQ(Varint(0), std::string(1, '\0'));
  EXPECT_EQ(Varint(127), "\x7f");
  EXPECT_EQ(Varint(128), "\x80\x01");
  EXPECT_EQ(Varint(300), "\xac\x02");
  EXPECT_EQ(Varint(~uint64_t{0}), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

TEST(BytesTest, VarintRoundTripsAtEveryLength) {
  for (int bit = 0; bit < 64; ++bit) {
    for (uint64_t value : {uint64_t{1} << bit, (uint64_t{1} << bit) - 1, ~uint64_t{0} >> bit}) {
      const std::string bytes = Varint(value);
      ByteReader reader(AsBytes(bytes), "test");
      EXPECT_EQ(reader.ReadVarint(), value);
      reader.ExpectEnd();
    }
  }
}

TEST(BytesTest, VarintOverSixtyFourBitsIsAnError) {
  const std::string nine_times_ff(9, '\xff');
  for (const char* end : {"\x02", "\x7f", "\x81\x01", "\xff"}) {
    const std::string bytes = nine_times_ff + end;
    ByteReader reader(AsBytes(bytes), "test");
    EXPECT_THROW(reader.ReadVarint(), Error) << bytes.size();
  }
  ByteReader cut(AsBytes(nine_times_ff), "test");
  EXPECT_THROW(cut.ReadVarint(), Error);
}

TEST(BytesTest, U64IsLittleEndian) {
  std::string bytes;
  AppendU64(&bytes, 0x0807060504030201);
  EXPECT_EQ(bytes, "\x01\x02\x03\x04\x05\x06\x07\x08");
  ByteReader reader(AsBytes(bytes), "test");
  EXPECT_EQ(reader.ReadU64(), 0x0807060504030201u);
}

TEST(BytesTest, ReaderStopsAtTheEnd) {
  ByteReader reader(AsBytes("abc"), "thing");
  EXPECT_EQ(reader.remaining(), 3u);
  EXPECT_EQ(reader.ReadU8(), 'a');
  EXPECT_THROW(reader.ReadU64(), Error);
  EXPECT_THROW(reader.ReadBytes(3), Error);
  EXPECT_THROW(reader.ReadBytes(~uint64_t{0}), Error);
  EXPECT_THROW(reader.ExpectEnd(), Error);
  ByteSpan rest = reader.ReadBytes(2);
  EXPECT_EQ(rest[1], 'c');
  EXPECT_NO_THROW(reader.ExpectEnd());
  EXPECT_EQ(reader.ReadBytes(0).size(), 0u);
  EXPECT_THROW(reader.ReadU8(), Error);
}

TEST(BytesTest, MessagesNameTheBlob) {
  ByteReader reader({}, "page words");
  try {
    reader.Fail("it is a test");
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "the page words blob is damaged: it is a test");
    return;
  }
  FAIL() << "no Error";
}

}  // namespace
}  // namespace pagesnap
