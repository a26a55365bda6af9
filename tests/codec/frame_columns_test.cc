#include "lib/codec/frame_columns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>

#include "lib/base/error.h"
#include "lib/codec/frame_tree.h"
#include "tests/codec/blob_testing.h"

namespace pagesnap {
namespace {

// The worked examples of schema/README.md: all frames of a chunk are alike; the upper half has
// other flags; against that, frame 5 has been locked.
constexpr char kExample[] = "818004 | 01 a8b08002 | 01 9221 | 01 00 02";
constexpr char kTwoFlagsExample[] =
    "818004 | 02 808040 a8b0c001 | 01 9221 | 01 00 02 01 00 02 | b3";
constexpr char kBaseExample[] = "818004 | 01 a9b08002 | 01 9221 | 01 00 02 | fffcec772000000000";

// The same as files before version 6 have them.
constexpr char kListExample[] =
    "01 2818400000000000 | 01 0100000000000000 | 01 9210000000000000 |"
    "01 00 00 00 | 01 02 01ff 01ff 00";
constexpr char kListTwoFlagsExample[] =
    "02 2818400000000000 0000100000000000 | 01 0100000000000000 | 01 9210000000000000 |"
    "02 01 020001 00 00 | 02 02 01ff 017f 01 020001";
constexpr char kListBaseExample[] =
    "01 2918400000000000 | 01 0100000000000000 | 01 9210000000000000 |"
    "01 00 00 00 | 03 02 02 0400f9 02 0000ff 01 02000100";

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

FrameFacts FactsAt(const FrameRuns& runs, uint32_t frame) {
  size_t run = 0;
  while (runs.runs[run].last < frame) ++run;
  return runs.kinds[runs.runs[run].kind];
}

// Every referenced frame has its facts in the decoded runs.
void ExpectFacts(const FrameColumns& columns, const FrameRuns& decoded) {
  ASSERT_FALSE(decoded.runs.empty());
  EXPECT_EQ(decoded.runs.back().last, kFramesPerChunk - 1);
  size_t row = 0;
  size_t run = 0;
  for (uint32_t frame = 0; frame < kFramesPerChunk; ++frame) {
    while (decoded.runs[run].last < frame) ++run;
    if ((columns.referenced[frame / 64] >> frame % 64 & 1) == 0) continue;
    const FrameFacts expected = {columns.flags.at(row), columns.map_count.at(row),
                                 columns.cgroup.at(row)};
    ASSERT_EQ(decoded.kinds[decoded.runs[run].kind], expected) << frame;
    ++row;
  }
}

void ExpectRoundTrip(const FrameColumns& columns) {
  const std::string blob = EncodeFrameColumns(columns);
  ExpectFacts(columns, DecodeFrameColumns(AsBytes(blob)));
  EXPECT_EQ(blob, EncodeFrameColumns(columns));
}

FrameColumns UpperHalfWithFlags(uint64_t upper) {
  FrameColumns columns;
  for (uint32_t i = 0; i < kFramesPerChunk; ++i) {
    Reference(i, &columns);
    columns.flags.Append(i < kFramesPerChunk / 2 ? 0x401828 : upper);
    columns.map_count.Append(1);
    columns.cgroup.Append(0x1092);
  }
  return columns;
}

// Against what kTwoFlagsExample says.
FrameColumns WithFrame5Locked() {
  FrameColumns columns = UpperHalfWithFlags(0x100000);
  columns.flags.Clear();
  for (uint32_t i = 0; i < kFramesPerChunk; ++i) {
    columns.flags.Append(i == 5 ? 0x401829 : i < kFramesPerChunk / 2 ? 0x401828 : 0x100000);
  }
  return columns;
}

TEST(FrameColumnsTest, EncodesTheExamples) {
  EXPECT_EQ(ToHex(EncodeFrameColumns(UpperHalfWithFlags(0x401828))), ToHex(FromHex(kExample)));
  const std::string two = EncodeFrameColumns(UpperHalfWithFlags(0x100000));
  EXPECT_EQ(ToHex(two), ToHex(FromHex(kTwoFlagsExample)));
  const FrameRuns base = DecodeFrameColumns(AsBytes(two));
  EXPECT_EQ(ToHex(EncodeFrameColumns(WithFrame5Locked(), &base)), ToHex(FromHex(kBaseExample)));
}

TEST(FrameColumnsTest, DecodesTheExamplesOfEachVersion) {
  for (const auto& [one, two, third] :
       {std::tuple(kExample, kTwoFlagsExample, kBaseExample),
        std::tuple(kListExample, kListTwoFlagsExample, kListBaseExample)}) {
    ExpectFacts(UpperHalfWithFlags(0x401828), DecodeFrameColumns(AsBytes(FromHex(one))));
    const FrameRuns base = DecodeFrameColumns(AsBytes(FromHex(two)));
    ExpectFacts(UpperHalfWithFlags(0x100000), base);
    const FrameRuns locked = DecodeFrameColumns(AsBytes(FromHex(third)), &base);
    ExpectFacts(WithFrame5Locked(), locked);
    EXPECT_EQ(FactsAt(locked, 5).cgroup, 0x1092U);
    EXPECT_EQ(locked.runs.size(), 4U);
  }
}

TEST(FrameColumnsTest, RoundTrips) {
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

// What is said of frames that no page refers to costs nothing.
TEST(FrameColumnsTest, FramesNobodyRefersToAreFree) {
  auto one = [](uint32_t) { return uint64_t{1}; };
  EXPECT_EQ(EncodeFrameColumns(MakeColumns(97, one, one)),
            EncodeFrameColumns(MakeColumns(1, one, one)));
}

// The tails of a folio end with the last one that a page refers to, or a half would look whole.
TEST(FrameColumnsTest, FramesBehindAnEdgeAreLikeWhatFollows) {
  constexpr uint64_t kEdge = 1 << 16;
  const FrameColumns columns = MakeColumns(
      100, [](uint32_t frame) { return frame / 200 | (frame % 1000 == 700 ? kEdge : 0); },
      [](uint32_t) { return uint64_t{1}; });
  const FrameRuns runs = DecodeFrameColumns(AsBytes(EncodeFrameColumns(columns, nullptr, kEdge)));
  ExpectFacts(columns, runs);
  for (uint32_t frame = 700; frame < kFramesPerChunk; frame += 1000) {
    EXPECT_EQ(FactsAt(runs, frame).flags, frame / 200 | kEdge);
    EXPECT_EQ(FactsAt(runs, frame + 1).flags, (frame + 100) / 200);
  }
  // So it is against a base that says otherwise.
  const FrameRuns base = DecodeFrameColumns(AsBytes(EncodeFrameColumns(UpperHalfWithFlags(kEdge))));
  const FrameRuns against =
      DecodeFrameColumns(AsBytes(EncodeFrameColumns(columns, &base, kEdge)), &base);
  ExpectFacts(columns, against);
  EXPECT_EQ(FactsAt(against, 64701).flags, 324U);
}

// Behind the last frame they are like the first.
TEST(FrameColumnsTest, FramesBehindTheLastEdgeAreLikeTheFirst) {
  FrameColumns columns;
  for (uint32_t frame = 100; frame < 228; ++frame) {
    Reference(frame, &columns);
    columns.flags.Append(frame == 100 ? 1 : 2);
    columns.map_count.Append(1);
    columns.cgroup.Append(kNotRead);
  }
  const FrameRuns runs = DecodeFrameColumns(AsBytes(EncodeFrameColumns(columns, nullptr, 2)));
  ExpectFacts(columns, runs);
  EXPECT_EQ(FactsAt(runs, 228).flags, 1U);
}

// A frame here and there costs its facts, and of its place what tells it from its neighbours.
TEST(FrameColumnsTest, ScatteredFramesAreSmall) {
  std::mt19937_64 random(2);
  FrameColumns columns;
  size_t count = 0;
  for (uint32_t frame = 0; frame < kFramesPerChunk; ++frame) {
    if (random() % 200 != 0) continue;
    Reference(frame, &columns);
    columns.flags.Append(random() % 8 == 0 ? 0x868 : 0x828);
    columns.map_count.Append(random() % 8 == 0 ? 12 : 1);
    columns.cgroup.Append(7);
    ++count;
  }
  EXPECT_LT(EncodeFrameColumns(columns).size(), 18 + count / 2);
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

TEST(FrameColumnsTest, RefusesListsThatDoNotAddUp) {
  const std::string values = FromHex("01 0100000000000000");
  const std::string kind = FromHex("01 00 00 00");
  const std::string run = FromHex("01 02 01ff 01ff 00");
  auto decode = [](const std::string& blob) { DecodeFrameColumns(AsBytes(blob)); };
  EXPECT_NO_THROW(decode(values + values + values + kind + run));
  // No values, more than frames, more than bytes.
  EXPECT_THROW(decode(FromHex("00") + values + values + kind + run), Error);
  EXPECT_THROW(decode(FromHex("828004") + values + values + kind + run), Error);
  EXPECT_THROW(decode(FromHex("ffffffffffffffffff01") + values + values + kind + run), Error);
  EXPECT_THROW(decode(FromHex("7f") + values + values + kind + run), Error);
  // A kind with a value that is not there, a run with a kind that is not there.
  EXPECT_THROW(decode(values + values + values + FromHex("01 00 01 0101 00") + run), Error);
  EXPECT_THROW(decode(values + values + values + kind + FromHex("01 02 01ff 01ff 01 0101")), Error);
  EXPECT_THROW(decode(values + values + values + FromHex("00 00 00 00") + run), Error);
  // Too few frames, too many, no runs, numbers of four bytes, a byte too many.
  EXPECT_THROW(decode(values + values + values + kind + FromHex("01 02 01fe 01ff 00")), Error);
  EXPECT_THROW(decode(values + values + values + kind + FromHex("01 03 00 00 0101 00")), Error);
  EXPECT_THROW(decode(values + values + values + kind + FromHex("00 00 00")), Error);
  EXPECT_THROW(decode(values + values + values + kind + FromHex("01 04 01ff 01ff 00 00 00")),
               Error);
  EXPECT_THROW(decode(values + values + values + kind + run + FromHex("00")), Error);
}

TEST(FrameColumnsTest, RefusesKindsAndTreesThatDoNotAddUp) {
  auto decode = [](std::string_view hex) {
    const std::string blob = FromHex(hex);
    DecodeFrameColumns(AsBytes(blob));
  };
  EXPECT_NO_THROW(decode(kTwoFlagsExample));
  // No kind: neither with flags nor without; more flags and kinds than frames, or than bytes.
  EXPECT_THROW(decode("818004 | 00 | 01 9221"), Error);
  EXPECT_THROW(decode("818004 | 01 00 | 01 9221 | 00"), Error);
  EXPECT_THROW(decode("818004 | 818004 00 | 01 9221 | 01 00 02"), Error);
  EXPECT_THROW(decode("818004 | 7f 00 | 01 9221 | 01 00 02"), Error);
  EXPECT_THROW(decode("818004 | 01 00 | 01 9221 | 818004 00 02"), Error);
  EXPECT_THROW(decode("818004 | 01 00 | 01 9221 | 7f 00 02"), Error);
  // A cgroup that is not there.
  EXPECT_THROW(decode("818004 | 01 00 | 01 9221 | 01 01 02"), Error);
  EXPECT_THROW(decode("818004 | 01 00 | 00 | 01 00 02"), Error);
  // A byte behind the kind that all frames are of; no bits, and too many.
  EXPECT_THROW(decode("818004 | 01 00 | 01 9221 | 01 00 02 | fffcec772000000000"), Error);
  EXPECT_THROW(decode("818004 | 02 808040 a8b0c001 | 01 9221 | 01 00 02 01 00 02"), Error);
  EXPECT_THROW(decode("818004 | 02 808040 a8b0c001 | 01 9221 | 01 00 02 01 00 02 | b3 00"), Error);
  // The fourth of three kinds.
  std::string fourth = FromHex("818004 | 01 00 | 01 9221 | 03 00 02 00 03 00 04");
  AppendFrameTree(&fourth, std::vector<FrameSpan>{{0, kFramesPerChunk - 1, 3}}, 4);
  EXPECT_THROW(DecodeFrameColumns(AsBytes(fourth)), Error);
}

// Facts of very many kinds: 65,536 of them beside those of the base.
TEST(FrameColumnsTest, TakesAsManyKindsAsFrames) {
  auto number = [](uint32_t frame) { return uint64_t{frame}; };
  auto one = [](uint32_t) { return uint64_t{1}; };
  const FrameRuns base = DecodeFrameColumns(AsBytes(EncodeFrameColumns(MakeColumns(1, one, one))));
  const FrameColumns columns = MakeColumns(1, number, number);
  const std::string blob = EncodeFrameColumns(columns, &base);
  ExpectFacts(columns, DecodeFrameColumns(AsBytes(blob), &base));
}

TEST(FrameColumnsTest, HoldsOnlyWhatDiffersFromTheBase) {
  std::mt19937_64 random(3);
  auto one = [](uint32_t) { return 1; };
  FrameColumns before;
  FrameColumns now;
  for (uint32_t frame = 0; frame < kFramesPerChunk; ++frame) {
    const uint64_t flags = random() % 16;
    // A few frames come, go or change.
    const bool changes = frame % 500 == 7;
    for (auto [columns, is_now] : {std::pair{&before, false}, std::pair{&now, true}}) {
      if (frame % 3 != 0 && !(changes && is_now)) continue;
      Reference(frame, columns);
      columns->flags.Append(is_now && changes ? 77 : flags);
      columns->map_count.Append(one(frame));
      columns->cgroup.Append(7);
    }
  }
  const FrameRuns base = DecodeFrameColumns(AsBytes(EncodeFrameColumns(before)));
  const std::string blob = EncodeFrameColumns(now, &base);
  EXPECT_LT(blob.size(), EncodeFrameColumns(now).size() / 10);
  ExpectFacts(now, DecodeFrameColumns(AsBytes(blob), &base));
  // Equal facts need no kinds of their own, and kinds of a base that are out of use are left out.
  const std::string same = EncodeFrameColumns(before, &base);
  EXPECT_LT(same.size(), 16U);
  ExpectFacts(before, DecodeFrameColumns(AsBytes(same), &base));
  const FrameColumns other = MakeColumns(1, one, one);
  EXPECT_EQ(DecodeFrameColumns(AsBytes(EncodeFrameColumns(other, &base)), &base).kinds.size(), 1U);
}

TEST(FrameColumnsTest, SurvivesDamage) {
  const FrameRuns base = DecodeFrameColumns(AsBytes(FromHex(kTwoFlagsExample)));
  for (const char* blob : {kTwoFlagsExample, kListTwoFlagsExample}) {
    ExpectDamageIsSurvived(
        FromHex(blob), [](ByteSpan damaged) { DecodeFrameColumns(damaged); }, false);
  }
  for (const char* blob : {kBaseExample, kListBaseExample}) {
    ExpectDamageIsSurvived(
        FromHex(blob), [&](ByteSpan damaged) { DecodeFrameColumns(damaged, &base); }, false);
  }
}

}  // namespace
}  // namespace pagesnap
