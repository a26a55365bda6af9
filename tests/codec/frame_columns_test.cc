#include "lib/codec/frame_columns.h"

#include <gtest/gtest.h>

#include <random>

#include "lib/base/error.h"
#include "tests/codec/blob_testing.h"

namespace pagesnap {
namespace {

// The worked examples of schema/README.md. All frames of the chunk; in the first all have equal
// flags, in the second the upper half has others. The second holds a zstd frame of two RLE blocks,
// made by hand.
constexpr char kExample[] =
    "01 ff | 01 2818400000000000 | 01 0100000000000000 | 01 9210000000000000";
constexpr char kTwoFlagsExample[] =
    "01 ff | 02 2818400000000000 0000100000000000 03 11 28b52ffd a0 00000100 020004 00 030004 01 |"
    "01 0100000000000000 | 01 9210000000000000";

void Reference(uint32_t frame, FrameColumns* columns) {
  columns->referenced[frame / 64] |= uint64_t{1} << frame % 64;
}

// References every `step`th frame, with values from the functions of the frame.
template <typename Flags, typename Count>
FrameColumns MakeColumns(uint32_t step, Flags flags, Count map_count) {
  FrameColumns columns;
  for (uint32_t frame = 0; frame < kFramesPerChunk; frame += step) {
    Reference(frame, &columns);
    columns.flags.Append(flags(frame));
    columns.map_count.Append(map_count(frame));
    columns.cgroup.Append(4242);
  }
  return columns;
}

void ExpectSameColumn(const DictionaryColumn& actual, const DictionaryColumn& expected) {
  EXPECT_EQ(actual.values(), expected.values());
  EXPECT_EQ(actual.indexes(), expected.indexes());
}

void ExpectRoundTrip(const FrameColumns& columns) {
  const std::string blob = EncodeFrameColumns(columns);
  const auto count = static_cast<uint32_t>(columns.flags.size());
  const FrameColumns decoded = DecodeFrameColumns(AsBytes(blob), count);
  EXPECT_EQ(decoded.referenced, columns.referenced);
  ExpectSameColumn(decoded.flags, columns.flags);
  ExpectSameColumn(decoded.map_count, columns.map_count);
  ExpectSameColumn(decoded.cgroup, columns.cgroup);
  EXPECT_THROW(DecodeFrameColumns(AsBytes(blob), count + 1), Error);
  if (count == 0) return;
  EXPECT_THROW(DecodeFrameColumns(AsBytes(blob), count - 1), Error);
}

TEST(FrameColumnsTest, EncodesTheExample) {
  FrameColumns columns = MakeColumns(
      1, [](uint32_t) { return 0x401828; }, [](uint32_t) { return 1; });
  columns.cgroup = {};
  for (uint32_t i = 0; i < kFramesPerChunk; ++i) columns.cgroup.Append(0x1092);
  EXPECT_EQ(ToHex(EncodeFrameColumns(columns)), ToHex(FromHex(kExample)));
}

TEST(FrameColumnsTest, DecodesTheExamples) {
  const FrameColumns one = DecodeFrameColumns(AsBytes(FromHex(kExample)), kFramesPerChunk);
  EXPECT_EQ(one.referenced[0], ~uint64_t{0});
  EXPECT_EQ(one.referenced.back(), ~uint64_t{0});
  EXPECT_EQ(one.flags.size(), kFramesPerChunk);
  EXPECT_EQ(one.flags.at(65535), 0x401828u);
  EXPECT_EQ(one.map_count.at(0), 1u);
  EXPECT_EQ(one.cgroup.at(7), 0x1092u);
  const FrameColumns two = DecodeFrameColumns(AsBytes(FromHex(kTwoFlagsExample)), kFramesPerChunk);
  EXPECT_EQ(two.flags.at(32767), 0x401828u);
  EXPECT_EQ(two.flags.at(32768), 0x100000u);
  EXPECT_EQ(two.cgroup.at(65535), 0x1092u);
}

TEST(FrameColumnsTest, RoundTrips) {
  ExpectRoundTrip(FrameColumns{});
  auto one = [](uint32_t) { return uint64_t{1}; };
  auto self = [](uint32_t frame) { return uint64_t{frame} << 40 | 7; };
  ExpectRoundTrip(MakeColumns(kFramesPerChunk, one, self));
  ExpectRoundTrip(MakeColumns(1, self, one));  // 65536 distinct values
  ExpectRoundTrip(MakeColumns(
      1, [](uint32_t frame) { return frame % 256; }, one));
  ExpectRoundTrip(MakeColumns(
      1, [](uint32_t frame) { return frame % 257; }, one));
  ExpectRoundTrip(MakeColumns(
      7, [](uint32_t frame) { return frame % 3 ? kNotRead : 5; }, self));
  std::mt19937_64 random(1);
  ExpectRoundTrip(MakeColumns(
      3, [&](uint32_t) { return random(); }, [&](uint32_t) { return random() % 300; }));
}

TEST(FrameColumnsTest, NearConstantColumnsAreTiny) {
  const FrameColumns columns = MakeColumns(
      1, [](uint32_t frame) { return frame / 8192 % 2; },
      [](uint32_t frame) { return frame % 4096 == 0 ? 2 : 1; });
  EXPECT_LT(static_cast<double>(EncodeFrameColumns(columns).size()), 0.04 * kFramesPerChunk);
}

TEST(FrameColumnsTest, DictionaryKeepsFirstRowOrder) {
  DictionaryColumn column;
  for (uint64_t value : {9, 9, 3, 9, 0, 3}) column.Append(value);
  column.Append(kNotRead);
  EXPECT_EQ(column.values(), (std::vector<uint64_t>{9, 3, 0, kNotRead}));
  EXPECT_EQ(column.indexes(), (std::vector<uint16_t>{0, 0, 1, 0, 2, 1, 3}));
  EXPECT_EQ(column.at(6), kNotRead);
}

TEST(FrameColumnsTest, DecodedColumnsCanGrow) {
  const FrameColumns columns = MakeColumns(
      4, [](uint32_t frame) { return frame % 100; }, [](uint32_t) { return 1; });
  FrameColumns decoded = DecodeFrameColumns(AsBytes(EncodeFrameColumns(columns)), 16384);
  const size_t distinct = decoded.flags.values().size();
  decoded.flags.Append(96);
  decoded.flags.Append(4);
  EXPECT_EQ(decoded.flags.values().size(), distinct);
  EXPECT_EQ(decoded.flags.at(16384), 96u);
  EXPECT_EQ(decoded.flags.at(16385), 4u);
  decoded.flags.Append(1000);
  EXPECT_EQ(decoded.flags.values().size(), distinct + 1);
}

TEST(FrameColumnsTest, RefusesTooManyRowsAndRowsWithoutFrames) {
  DictionaryColumn column;
  for (uint32_t i = 0; i < kFramesPerChunk; ++i) column.Append(i);
  EXPECT_THROW(column.Append(1), Error);
  FrameColumns columns;
  Reference(5, &columns);
  EXPECT_THROW(EncodeFrameColumns(columns), Error);
  columns.flags.Append(1);
  columns.map_count.Append(1);
  EXPECT_THROW(EncodeFrameColumns(columns), Error);
  columns.cgroup.Append(1);
  ExpectRoundTrip(columns);
}

TEST(FrameColumnsTest, RefusesWrongDictionaries) {
  const std::string all = FromHex("01 ff");
  const std::string good = FromHex("01 0100000000000000");
  auto decode = [](const std::string& blob) { DecodeFrameColumns(AsBytes(blob), kFramesPerChunk); };
  EXPECT_NO_THROW(decode(all + good + good + good));
  EXPECT_THROW(decode(all + FromHex("00") + good + good), Error);
  EXPECT_THROW(decode(all + FromHex("818004") + good + good), Error);
  EXPECT_THROW(decode(all + FromHex("ffffffffffffffffff01") + good + good), Error);
  // An index plane of all ones: good with two values, beyond the end with 0x102 where it is high.
  const std::string two = FromHex("02 0100000000000000 0200000000000000");
  EXPECT_NO_THROW(decode(all + two + FromHex("01 01") + good + good));
  EXPECT_THROW(decode(all + two + FromHex("01 02") + good + good), Error);
  EXPECT_NO_THROW(decode(all + FromHex("8202") + std::string(8 * 258, '\1') +
                         FromHex("01 01 01 01") + good + good));
  EXPECT_THROW(decode(all + FromHex("8202") + std::string(8 * 258, '\1') + FromHex("01 02 01 01") +
                      good + good),
               Error);
  EXPECT_THROW(DecodeFrameColumns(AsBytes(all + good + good + good), kFramesPerChunk + 1), Error);
}

TEST(FrameColumnsTest, CodesFramesAgainstThoseOfAMomentAgo) {
  auto one = [](uint32_t) { return 1; };
  FrameColumns before = MakeColumns(3, one, one);
  FrameColumns now = MakeColumns(3, one, one);
  // Frame 3 went, frame 4 came.
  now.referenced[0] = (now.referenced[0] & ~uint64_t{8}) | 16;
  auto count = static_cast<uint32_t>(now.flags.size());
  const std::string blob = EncodeFrameColumns(now, before.referenced);
  EXPECT_LT(blob.size(), 64U);
  EXPECT_EQ(DecodeFrameColumns(AsBytes(blob), count, before.referenced).referenced, now.referenced);
  EXPECT_EQ(DecodeFrameBits(AsBytes(blob), count, before.referenced), now.referenced);
  EXPECT_THROW(DecodeFrameColumns(AsBytes(blob), count), Error);
}

TEST(FrameColumnsTest, SurvivesDamage) {
  const FrameColumns columns = MakeColumns(
      8192, [](uint32_t frame) { return frame / 8192 % 2; }, [](uint32_t) { return 1; });
  ExpectDamageIsSurvived(
      EncodeFrameColumns(columns), [](ByteSpan blob) { DecodeFrameColumns(blob, 8); }, false);
  ExpectDamageIsSurvived(
      FromHex(kTwoFlagsExample), [](ByteSpan blob) { DecodeFrameColumns(blob, kFramesPerChunk); },
      false);
}

}  // namespace
}  // namespace pagesnap
