#include "lib/base/interrupted.h"

#include <gtest/gtest.h>

namespace pagesnap {
namespace {

TEST(RetryInterruptedTest, GoesOnAfterSignals) {
  const std::atomic<bool> interrupted = false;
  int calls = 0;
  const auto call = [&] {
    errno = EINTR;
    return ++calls < 3 ? -1 : 7;
  };
  EXPECT_EQ(RetryInterrupted(&interrupted, call), 7);
  EXPECT_EQ(calls, 3);
  calls = 0;
  EXPECT_EQ(RetryInterrupted(nullptr, call), 7);
}

TEST(RetryInterruptedTest, EndsWhereTheSignalSetTheFlag) {
  std::atomic<bool> interrupted = false;
  int calls = 0;
  const auto call = [&] {
    ++calls;
    interrupted = true;
    errno = EINTR;
    return -1;
  };
  EXPECT_THROW(RetryInterrupted(&interrupted, call), Interrupted);
  EXPECT_EQ(calls, 1);
  EXPECT_THROW(RetryInterrupted(&interrupted, call), Interrupted);
  EXPECT_EQ(calls, 1);
}

TEST(RetryInterruptedTest, OtherErrorsAreForTheCaller) {
  EXPECT_EQ(RetryInterrupted(nullptr,
                             [] {
                               errno = EACCES;
                               return -1;
                             }),
            -1);
  EXPECT_EQ(errno, EACCES);
}

}  // namespace
}  // namespace pagesnap
