// How the processes that share an address space are found among many, some of which do not answer.
#include "lib/proc/sharer_scan.h"

#include <gmock/gmock.h>

#include <future>
#include <numeric>

namespace pagesnap {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

// Longer than any machine makes a thread wait that could run.
constexpr milliseconds kLong{60'000};

// Compares by the last digit.
SpaceOrder ByDigit(int32_t pid, int32_t other) {
  if (pid % 10 == other % 10) return SpaceOrder::kSame;
  return pid % 10 < other % 10 ? SpaceOrder::kBefore : SpaceOrder::kAfter;
}

TEST(SharerScanTest, EachIsComparedWithAllTasks) {
  std::vector<int32_t> others(20);
  std::iota(others.begin(), others.end(), 100);
  const FoundSharers found =
      ScanForSharers(ByDigit, std::vector<int32_t>{17, 3, 25, 27}, others, kLong);
  EXPECT_THAT(found.pids, ElementsAre(103, 105, 107, 113, 115, 117));
  EXPECT_EQ(found.unknown_count, 0U);
}

TEST(SharerScanTest, WhatIsGoneSharesNothingAndWhatIsDeniedIsUnknown) {
  auto compare = [](int32_t pid, int32_t other) {
    for (const int32_t each : {pid, other}) {
      if (each == 15 || each == 103) return SpaceOrder::kGone;
      if (each == 105) return SpaceOrder::kUnknown;
    }
    return ByDigit(pid, other);
  };
  const std::vector<int32_t> tasks = {15, 13};
  const std::vector<int32_t> others = {103, 105, 113};
  const FoundSharers found = ScanForSharers(compare, tasks, others, kLong);
  EXPECT_THAT(found.pids, ElementsAre(113));
  EXPECT_EQ(found.unknown_count, 1U);
}

// The threads that wait end with the test.
TEST(SharerScanTest, WhoDoesNotAnswerIsUnknown) {
  std::promise<void> end;
  const std::shared_future<void> ended = end.get_future().share();
  for (const int32_t silent : {1, 5}) {
    auto compare = [ended, silent](int32_t pid, int32_t other) {
      if (pid >= 110 && pid < 110 + silent) ended.wait();
      return ByDigit(pid, other);
    };
    const std::vector<int32_t> others = {103, 110, 111, 112, 113, 114, 123};
    const FoundSharers found =
        ScanForSharers(compare, std::vector<int32_t>{3}, others, milliseconds(300));
    if (silent == 1) {
      EXPECT_THAT(found.pids, ElementsAre(103, 113, 123));
      EXPECT_EQ(found.unknown_count, 1U);
    } else {
      EXPECT_THAT(found.pids, ElementsAre(103));
      EXPECT_EQ(found.unknown_count, 6U);
    }
  }
  end.set_value();
}

}  // namespace
}  // namespace pagesnap
