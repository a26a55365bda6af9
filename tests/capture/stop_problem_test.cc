// What is said of processes that --freeze does not stop.
#include "capture/stop_problem.h"

#include <gtest/gtest.h>

#include "tests/support/fake_reader.h"

namespace pagesnap {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

std::string Text(const StopRecord& record, int64_t limit_ns = 2 * kSecond) {
  FakeReader reader;
  reader.AddText("proc/44/comm", "gdb\n");
  return ProblemText(record, limit_ns, reader);
}

TEST(StopProblemTest, TheThreadIsNamedWhereThereAreSeveral) {
  StopRecord record{.pid = 7, .thread = 9, .problem = StopProblem::kUninterruptible};
  record.thread_count = 3;
  EXPECT_EQ(Text(record), "thread 9 did not stop: uninterruptible sleep");
  record.thread_count = 1;
  EXPECT_EQ(Text(record), "it did not stop: uninterruptible sleep");
  record.problem = StopProblem::kInKernel;
  EXPECT_EQ(Text(record), "it did not stop: it runs inside the kernel");
}

TEST(StopProblemTest, TheLimitIsNamedWhereItIsTheCause) {
  StopRecord record{.pid = 7, .thread = 9, .problem = StopProblem::kDidNotStop};
  record.thread_count = 400;
  EXPECT_EQ(Text(record, kSecond / 200),
            "the limit of 0.005 s was too short for all 400 threads to stop; raise --freeze-limit");
  record.thread_count = 1;
  EXPECT_EQ(Text(record), "the limit of 2 s was too short for it to stop; raise --freeze-limit");
  record.problem = StopProblem::kLimit;
  EXPECT_EQ(Text(record), "the limit of 2 s was too short for it to stop; raise --freeze-limit");
}

// The tracer does not wait for longer then.
TEST(StopProblemTest, AHigherLimitIsNoAdviceWhereItDoesNotHelp) {
  StopRecord record{.pid = 7, .thread = 9, .problem = StopProblem::kDidNotStop};
  record.thread_count = 400;
  EXPECT_EQ(Text(record, 10 * kSecond),
            "it did not stop within 5 s: its threads got no processor, or new ones appeared");
}

TEST(StopProblemTest, AnotherTracerIsNamed) {
  StopRecord record{.pid = 7, .problem = StopProblem::kNotPermitted, .tracer = 44};
  EXPECT_EQ(Text(record), "process 44 (gdb) traces it; try again when that has ended");
  record.tracer = 45;
  EXPECT_EQ(Text(record), "process 45 (unknown) traces it; try again when that has ended");
  record.tracer = 0;
  EXPECT_EQ(Text(record),
            "not permitted: it takes root or CAP_SYS_PTRACE, or to be its owner where "
            "/proc/sys/kernel/yama/ptrace_scope is 0; nobody may where that is 3");
}

}  // namespace
}  // namespace pagesnap
