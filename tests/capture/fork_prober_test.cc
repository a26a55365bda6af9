// Asking the processes of this machine whether they answer.
#include "capture/fork_prober.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <numeric>
#include <thread>

#include "lib/base/interrupted.h"

namespace pagesnap {
namespace {

using std::chrono::milliseconds;
using testing::Contains;
using testing::IsEmpty;

// That one is found silent is for tests/trials/held_lock.sh: it takes a FUSE server to hold a lock.
TEST(ForkProberTest, AnErrorIsAnAnswerToo) {
  const std::atomic<bool> interrupted = false;
  ForkProber prober("/", &interrupted);
  const std::vector<int32_t> pids = {getpid(), 1, 0x7fffffff};
  for (const auto question : {Prober::Question::kMemory, Prober::Question::kStat}) {
    EXPECT_THAT(prober.FindSilent(pids, question, milliseconds(2000)), IsEmpty());
  }
  EXPECT_THAT(ForkProber("/nowhere", &interrupted)
                  .FindSilent(pids, Prober::Question::kMemory, milliseconds(2000)),
              IsEmpty());
}

TEST(ForkProberTest, CanBeInterrupted) {
  const std::atomic<bool> interrupted = true;
  ForkProber prober("/", &interrupted);
  const std::vector<int32_t> pids = {getpid()};
  EXPECT_THROW(prober.FindSilent(pids, Prober::Question::kMemory, milliseconds(2000)), Interrupted);
}

TEST(ForkProberTest, WhenTheTimeIsOverNobodyIsAsked) {
  const std::atomic<bool> interrupted = false;
  ForkProber prober("/", &interrupted, /*short_time=*/milliseconds(0));
  const std::vector<int32_t> pids = {getpid()};
  using Question = Prober::Question;
  EXPECT_THAT(prober.FindSilent(pids, Question::kMemory, Prober::kShortPatience),
              testing::ElementsAre(getpid()));
  EXPECT_THAT(prober.FindSilent(pids, Question::kMemory, milliseconds(2000)), IsEmpty());
}

// Stops each child of a thread, as if a process that the child asks did not answer.
class ChildStopper {
 public:
  explicit ChildStopper(long parent)
      : thread_([path = fmt::format("/proc/self/task/{}/children", parent)](
                    const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            std::ifstream children(path);
            pid_t child = 0;
            while (children >> child) kill(child, SIGSTOP);
          }
        }) {}

 private:
  std::jthread thread_;
};

TEST(ForkProberTest, ManySilentProcessesTakeNoMoreThanTheTime) {
  const std::atomic<bool> interrupted = false;
  constexpr milliseconds kTime(1000);
  ForkProber prober("/", &interrupted, kTime);
  std::vector<int32_t> pids(300'000);
  std::iota(pids.begin(), pids.end(), 0x10000000);  // there are no such processes: asked fast
  auto ask = [&] {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_THAT(prober.FindSilent(pids, Prober::Question::kMemory, Prober::kShortPatience),
                Contains(pids.back()));
    return std::chrono::steady_clock::now() - start;
  };
  {
    const ChildStopper stopper(syscall(SYS_gettid));
    EXPECT_LT(ask(), 10 * kTime);
  }
  ask();
  prober.BeginPhase();
  pids.resize(1);
  EXPECT_THAT(prober.FindSilent(pids, Prober::Question::kMemory, Prober::kShortPatience),
              IsEmpty());
}

}  // namespace
}  // namespace pagesnap
