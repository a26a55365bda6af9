#include "lib/base/work_limit.h"

#include <gmock/gmock.h>
#include <time.h>

#include <atomic>
#include <thread>

#include "lib/base/error.h"
#include "lib/base/memory_budget.h"

namespace pagesnap {
namespace {

using testing::HasSubstr;
using testing::Property;
using testing::Throws;

// Works until the coarse clock, by which the limit knows when to look, has moved on.
void Work(int milliseconds) {
  timespec start{};
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
  do {
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1'000'000 <
           milliseconds);
}

void WorkAndCheck(int milliseconds) {
  for (int done = 0; done < milliseconds; done += 5) {
    Work(5);
    CheckWork();
  }
}

TEST(WorkLimitTest, WithoutLimitNothingEnds) {
  EXPECT_EQ(CurrentWork(), nullptr);
  EXPECT_NO_THROW(WorkAndCheck(20));
}

TEST(WorkLimitTest, WorkEndsWithOneSentence) {
  WorkLimit limit(WorkLimit::Clock::kThread, 30'000'000, "a.pagesnap");
  const WorkScope scope(&limit);
  EXPECT_THAT([] { WorkAndCheck(1000); },
              Throws<LimitError>(Property(&LimitError::what, HasSubstr("a.pagesnap takes more"))));
  // It stays so: who goes on all the same gets no further.
  EXPECT_THROW(CheckWork(), LimitError);
}

TEST(WorkLimitTest, AnotherScopeStartsOver) {
  WorkLimit limit(WorkLimit::Clock::kThread, 30'000'000, "f");
  {
    const WorkScope scope(&limit);
    EXPECT_THROW(WorkAndCheck(1000), LimitError);
  }
  EXPECT_NO_THROW(CheckWork());
  const WorkScope scope(&limit);
  EXPECT_NO_THROW(CheckWork());
  const WorkScope inner(&limit);  // not within itself
  EXPECT_THROW(WorkAndCheck(1000), LimitError);
}

TEST(WorkLimitTest, LiftedItHasNoEnd) {
  WorkLimit limit(WorkLimit::Clock::kThread, 0, "f");
  limit.Lift();
  const WorkScope scope(&limit);
  EXPECT_NO_THROW(WorkAndCheck(30));
}

TEST(WorkLimitTest, InterruptionEndsWorkThatHasNoLimit) {
  WorkLimit limit(WorkLimit::Clock::kThread, kNoWorkLimit, "f");
  bool interrupted = false;
  limit.EndWhen([&] { return interrupted; });
  const WorkScope scope(&limit);
  EXPECT_NO_THROW(WorkAndCheck(20));
  interrupted = true;
  EXPECT_THAT([] { WorkAndCheck(1000); },
              Throws<LimitError>(Property(&LimitError::what, HasSubstr("interrupted"))));
}

// Workers count for the process, and other threads do not for one thread.
TEST(WorkLimitTest, ClocksCountTheirOwn) {
  WorkLimit process(WorkLimit::Clock::kProcess, 40'000'000, "f");
  WorkLimit thread(WorkLimit::Clock::kThread, 40'000'000, "f");
  EXPECT_FALSE(process.IsOver());
  EXPECT_FALSE(thread.IsOver());
  std::thread([] { Work(60); }).join();
  EXPECT_TRUE(process.IsOver());
  EXPECT_FALSE(thread.IsOver());
}

TEST(WorkLimitTest, GrowsWithTheFile) {
  EXPECT_EQ(WorkLimitFor(0), kWorkLimitNs);
  EXPECT_EQ(WorkLimitFor(kUnitFileBytes), kWorkLimitNs);
  EXPECT_EQ(WorkLimitFor(3 * kUnitFileBytes), 3 * kWorkLimitNs);
  EXPECT_EQ(WorkLimitFor(INT64_MAX), kNoWorkLimit);
}

}  // namespace
}  // namespace pagesnap
