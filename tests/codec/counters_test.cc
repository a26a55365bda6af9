#include "lib/codec/counters.h"

#include <gtest/gtest.h>

#include <limits>

#include "lib/base/error.h"
#include "tests/codec/blob_testing.h"

namespace pagesnap {
namespace {

// The worked example of schema/README.md.
constexpr char kAlone[] = "02 | 0f 02 70676661756c740a 70677363616e0a | 02 02 0a 00";
constexpr char kLater[] = "02 02 04 00";

const Counters kBefore = {.names = {"pgfault", "pgscan"}, .values = {5, 0}};
const Counters kAfter = {.names = {"pgfault", "pgscan"}, .values = {7, 0}};

TEST(CountersTest, EncodesTheExample) {
  EXPECT_EQ(ToHex(EncodeCounters(kBefore, nullptr)), ToHex(FromHex(kAlone)));
  EXPECT_EQ(ToHex(EncodeCounters(kAfter, &kBefore)), ToHex(FromHex(kLater)));
}

TEST(CountersTest, DecodesTheExample) {
  const Counters before = DecodeCounters(AsBytes(FromHex(kAlone)), nullptr);
  EXPECT_EQ(before.names, kBefore.names);
  EXPECT_EQ(before.values, kBefore.values);
  const Counters after = DecodeCounters(AsBytes(FromHex(kLater)), &before);
  EXPECT_EQ(after.names, kAfter.names);
  EXPECT_EQ(after.values, kAfter.values);
}

TEST(CountersTest, TakesAllNumbers) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  const Counters low = {.names = {"a", "b", "c"}, .values = {kMin, kMax, -1}};
  const Counters high = {.names = {"a", "b", "c"}, .values = {kMax, kMin, 0}};
  EXPECT_EQ(DecodeCounters(AsBytes(EncodeCounters(low, nullptr)), nullptr).values, low.values);
  EXPECT_EQ(DecodeCounters(AsBytes(EncodeCounters(high, &low)), &low).values, high.values);
  const Counters none;
  EXPECT_TRUE(DecodeCounters(AsBytes(EncodeCounters(none, nullptr)), nullptr).names.empty());
}

TEST(CountersTest, RefusesWhatDoesNotFit) {
  Counters counters = {.names = {"two\nlines"}, .values = {1}};
  EXPECT_THROW(EncodeCounters(counters, nullptr), Error);
  counters.names = {std::string(129, 'x')};
  EXPECT_THROW(EncodeCounters(counters, nullptr), Error);
  counters.names.assign(kMaxCounters + 1, "x");
  counters.values.assign(kMaxCounters + 1, 1);
  EXPECT_THROW(EncodeCounters(counters, nullptr), Error);
}

TEST(CountersTest, RefusesDamage) {
  const std::string alone = FromHex(kAlone);
  for (size_t size = 0; size < alone.size(); ++size) {
    EXPECT_THROW(DecodeCounters(AsBytes(alone.substr(0, size)), nullptr), Error) << size;
  }
  EXPECT_THROW(DecodeCounters(AsBytes(alone + '\0'), nullptr), Error);
  for (const char* damaged : {
           "81 20 | 00 00 | 00 00",                                        // 4,097 counters
           "01 | 0f 02 70676661756c740a 70677363616e0a | 01 02 0a",        // fewer than names
           "03 | 0f 02 70676661756c740a 70677363616e0a | 03 02 0a 00 00",  // more than names
           "02 | 0e 02 70676661756c740a 70677363616e | 02 02 0a 00",       // no last line feed
           "02 | 0f 02 70676661756c740a 70677363616e0a | 03 02 0a 00 00",  // more values
           "02 | ff ff ff ff 0f 01 00",                                    // 4 GiB of names
       }) {
    EXPECT_THROW(DecodeCounters(AsBytes(FromHex(damaged)), nullptr), Error) << damaged;
  }
}

}  // namespace
}  // namespace pagesnap
