// What the tests of the tracer process have in common.
#ifndef TESTS_LIVE_TRACER_TESTING_H_
#define TESTS_LIVE_TRACER_TESTING_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <vector>

#include "capture/ptrace_freezer.h"
#include "tests/live/life_testing.h"

namespace pagesnap {

// For tests in which the limit is not to pass, on a machine that is busy with others.
inline constexpr std::chrono::seconds kLongLimit(20);

inline double Seconds(int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

// Has a freezer, and so a tracer, once Start() was called.
class TracerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "ptrace of other programs is for root alone";
  }
  PtraceFreezer& Start(std::chrono::nanoseconds limit) {
    freezer_.emplace("/", limit);
    return *freezer_;
  }
  Stop Freeze(pid_t pid) { return freezer_->Freeze(std::vector<int32_t>{pid}).at(pid); }
  Stop Thaw(pid_t pid) { return freezer_->Thaw().at(pid); }

  std::optional<PtraceFreezer> freezer_;
};

}  // namespace pagesnap

#endif  // TESTS_LIVE_TRACER_TESTING_H_
