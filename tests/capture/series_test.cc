// When the snapshots of a series are taken.
#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "capture/run.h"
#include "capture/ticks.h"
#include "tests/capture/frozen_testing.h"

namespace pagesnap {
namespace {

using testing::Each;
using testing::Ge;

constexpr int64_t kMs = 1'000'000;

TEST(TicksTest, TheNextOneIsAhead) {
  const Ticks ticks(/*start_ns=*/5 * kMs, /*interval_ns=*/200 * kMs);
  EXPECT_EQ(ticks.Next(5 * kMs, 0), 205 * kMs);
  EXPECT_EQ(ticks.Next(204 * kMs, 0), 205 * kMs);
  EXPECT_EQ(ticks.Next(205 * kMs, 0), 405 * kMs);
}

TEST(TicksTest, ThoseThatWereMissedAreLeftOut) {
  const Ticks ticks(0, 200 * kMs);
  EXPECT_EQ(ticks.Next(1010 * kMs, 0), 1200 * kMs);
  EXPECT_FALSE(ticks.IsMissed(/*due_ns=*/200 * kMs, /*now_ns=*/399 * kMs));
  EXPECT_TRUE(ticks.IsMissed(200 * kMs, 400 * kMs));
}

TEST(TicksTest, ProcessesThatWereStoppedAreGivenTheirTime) {
  const Ticks ticks(0, 200 * kMs);
  EXPECT_EQ(ticks.Next(10 * kMs, 600 * kMs), 600 * kMs);
  EXPECT_EQ(ticks.Next(10 * kMs, 601 * kMs), 800 * kMs);
}

// On a busy machine a program is woken up later than that each time.
TEST(TicksTest, ShortIntervalsAreNotMissedByALittle) {
  const Ticks ticks(0, kMs);
  EXPECT_FALSE(ticks.IsMissed(kMs, 90 * kMs));
  EXPECT_TRUE(ticks.IsMissed(kMs, 200 * kMs));
}

// Notes for how long processes are stopped, and for how long they run in between.
class TimedFreezer final : public Freezer {
 public:
  std::map<int32_t, Stop> Freeze(std::span<const int32_t> pids) override {
    if (frozen_ns_ == 0) {
      frozen_ns_ = MonotonicNow();
      if (stopped_ns > 0) surplus.push_back(frozen_ns_ - thawed_ns_ - stopped_ns);
    }
    return freezer_.Freeze(pids);
  }
  std::map<int32_t, Stop> Thaw() override {
    std::map<int32_t, Stop> stops = freezer_.Thaw();
    thawed_ns_ = MonotonicNow();
    const Stop& stop = stops.at(100);
    stopped_ns = stop.released_ns - stop.first_stop_ns;
    frozen_ns_ = 0;
    return stops;
  }
  [[nodiscard]] bool IsStopped() const { return freezer_.IsStopped(100); }

  std::vector<int64_t> surplus;  // by how much they ran for longer than they had been stopped
  int64_t stopped_ns = 0;        // for how long they were stopped last

 private:
  FakeFreezer freezer_;
  int64_t frozen_ns_ = 0;  // 0: they run
  int64_t thawed_ns_ = 0;
};

TEST_F(FrozenCaptureTest, ProcessesRunForAsLongAsTheyWereStopped) {
  TimedFreezer freezer;
  machine_.reader().SetOnAccess([&](const std::string& path) {
    if (path == "proc/100/smaps" && freezer.IsStopped()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(60));
    }
  });
  TestFolder folder;
  CaptureOptions options;
  options.request = Request();
  options.request.freezer = &freezer;
  options.output = folder.File("a");
  options.quiet = true;
  options.interval_ns = 1'000'000;
  options.count = 4;
  EXPECT_EQ(RunCapture(options, machine_.reader()), kExitOk);
  EXPECT_GE(freezer.stopped_ns, 60 * kMs);
  EXPECT_EQ(freezer.surplus.size(), 3u);
  EXPECT_THAT(freezer.surplus, Each(Ge(0)));
}

}  // namespace
}  // namespace pagesnap
