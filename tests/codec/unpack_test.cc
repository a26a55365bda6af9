#include "lib/codec/unpack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <string>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

std::string Zstd(const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  return packed;
}

std::string Gzip(const std::string& text) {
  z_stream stream = {};
  deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// Much that compresses well, and some that does not.
std::string Sample() {
  std::string text(1'000'000, 'x');
  for (size_t i = 0; i < 5000; ++i) text += static_cast<char>(i * i % 251);
  return text;
}

// Returns what comes out of a stream that is fed in pieces of `piece` bytes.
std::string Unpacked(const std::string& packed, size_t piece, bool* is_whole) {
  const auto unpacker = UnpackerFor(packed);
  std::string text;
  for (size_t at = 0; at < packed.size(); at += piece) {
    unpacker->Feed(std::string_view(packed).substr(at, piece), [&](std::string_view bytes) {
      EXPECT_LE(bytes.size(), size_t{128} << 10);
      text += bytes;
    });
  }
  *is_whole = unpacker->is_whole();
  return text;
}

class UnpackTest : public testing::TestWithParam<std::string (*)(const std::string&)> {
 protected:
  static std::string Pack(const std::string& text) { return GetParam()(text); }
};

TEST_P(UnpackTest, InPiecesOfAnySize) {
  const std::string packed = Pack(Sample());
  for (const size_t piece : {size_t{1}, size_t{4}, size_t{1000}, packed.size()}) {
    bool is_whole = false;
    EXPECT_EQ(Unpacked(packed, piece, &is_whole), Sample()) << piece;
    EXPECT_TRUE(is_whole) << piece;
  }
}

// As cat makes of two files.
TEST_P(UnpackTest, TwoStreamsInARow) {
  bool is_whole = false;
  EXPECT_EQ(Unpacked(Pack("one") + Pack("") + Pack(" two"), 7, &is_whole), "one two");
  EXPECT_TRUE(is_whole);
}

TEST_P(UnpackTest, WhatIsCutOffIsNotWhole) {
  const std::string packed = Pack(Sample());
  for (size_t size = 4; size < packed.size(); size += packed.size() / 20 + 1) {
    bool is_whole = true;
    Unpacked(packed.substr(0, size), 100, &is_whole);
    EXPECT_FALSE(is_whole) << size;
  }
}

TEST_P(UnpackTest, WhatTheSinkThrowsEndsIt) {
  const std::string packed = Pack(Sample());
  EXPECT_THROW(UnpackerFor(packed)->Feed(packed, [](std::string_view) { throw Error("full"); }),
               Error);
}

TEST_P(UnpackTest, RefusesDamage) {
  std::string packed = Pack(Sample());
  std::fill(packed.begin() + 8, packed.begin() + 200, '\xff');
  bool is_whole = false;
  EXPECT_THROW(Unpacked(packed, 100, &is_whole), Error);
}

INSTANTIATE_TEST_SUITE_P(Formats, UnpackTest, testing::Values(&Zstd, &Gzip));

TEST(UnpackerForTest, KnowsWhatItIsByItsFirstBytes) {
  EXPECT_NE(UnpackerFor(Zstd("")), nullptr);
  EXPECT_NE(UnpackerFor(Gzip("")), nullptr);
  for (const char* text : {"", "\x1f", "SQLite format 3"}) {
    EXPECT_EQ(UnpackerFor(text), nullptr) << text;
  }
}

}  // namespace
}  // namespace pagesnap
