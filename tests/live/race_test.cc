// Targets that change under the capture: it ends in time, with a sound file that says what it
// lacks.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/live/life_testing.h"

namespace pagesnap {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

class RaceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "other processes' memory is for root alone";
  }
  // Captures into a new file and expects that it ends well. Returns the exit code.
  int Capture(std::vector<std::string> arguments, bool sound = true) {
    std::filesystem::remove(file_);
    arguments.insert(arguments.end(), {"-o", file_});
    Job capture(CaptureCommand(arguments));
    const std::optional<int> code = capture.Wait();
    // It can execute one program after another.
    if (code == 1) {
      EXPECT_THAT(capture.err(), testing::HasSubstr("executed another program"));
      EXPECT_FALSE(std::filesystem::exists(file_));
    } else {
      EXPECT_THAT(code, AnyOf(0, 3)) << capture.err();
    }
    peak_rss_kib_ = capture.peak_rss_kib();
    if (code == 0 || code == 3) {
      if (sound) ExpectSound(file_);
      // Gaps and exit code say the same.
      EXPECT_EQ(QueryValue(file_, "SELECT COUNT(*) > 0 FROM gap"), code == 3 ? 1 : 0);
    }
    return code.value_or(-1);
  }
  // The same with the options that change how a target is read.
  void CaptureInAllWays(const std::string& option, const LifeTarget& target) {
    const std::string pid = target.pid_text();
    Capture({option, pid});
    Capture({option, pid, "--jobs", "1"});
    Capture({option, pid, "--jobs", "8"});
    Capture({option, pid, "--freeze"});
    Capture({option, pid, "--verify"});
    Capture({option, pid, "--no-smaps"});
    EXPECT_TRUE(target.Runs());
  }

  TemporaryDirectory directory_;
  std::string file_ = directory_.File("out.pagesnap");
  int64_t peak_rss_kib_ = 0;
};

TEST_F(RaceTest, Exec) {
  const LifeTarget target("exec", 1);
  for (int i = 0; i < 3; ++i) CaptureInAllWays("-p", target);
}

TEST_F(RaceTest, Storm) {
  const LifeTarget target("storm");
  CaptureInAllWays("-p", target);
}

TEST_F(RaceTest, AThousandChildren) {
  const LifeTarget target("fork", 1000);
  CaptureInAllWays("-t", target);
}

TEST_F(RaceTest, TheTargetEnds) {
  int captured_count = 0;
  for (const char* freeze : {"--jobs", "--freeze"}) {
    for (int delay_ms : {0, 5, 10, 20, 40, 60, 1000}) {
      std::filesystem::remove(file_);
      const LifeTarget target("end", delay_ms);
      std::vector<std::string> arguments = {"-p", target.pid_text(), "-o", file_, freeze};
      if (arguments.back() == "--jobs") arguments.emplace_back("4");
      Job capture(CaptureCommand(arguments));
      const std::optional<int> code = capture.Wait();
      if (code == 1) {
        // It had ended before capture looked; nobody waits for it.
        EXPECT_THAT(capture.err(), AnyOf(testing::HasSubstr("it has ended"),
                                         testing::HasSubstr("ended, or executed another program")));
        EXPECT_FALSE(std::filesystem::exists(file_));
        continue;
      }
      ASSERT_THAT(code, AnyOf(0, 3)) << capture.err();
      ExpectSound(file_);
      captured_count += QueryValue(file_, "SELECT COUNT(*) FROM page_chunk").get<int>() > 0 ? 1 : 0;
      // A process that was seen with mappings and gave no page must have a gap.
      EXPECT_TRUE(code == 3 || QueryValue(file_,
                                          "SELECT COUNT(*) FROM process WHERE state <> 'Z' "
                                          "AND mapping_count = 0") == 0);
    }
  }
  EXPECT_GT(captured_count, 0);
}

// DESIGN: 64 MiB, a bit per frame of RAM, and 64 bytes per mapping.
class BoundTest : public RaceTest {
 protected:
  void ExpectBounded() {
    const int64_t frames =
        QueryValue(file_, "SELECT MAX(start_pfn + spanned_count) FROM memory_zone");
    const int64_t mappings = QueryValue(file_, "SELECT SUM(mapping_count) FROM process");
    EXPECT_LE(peak_rss_kib_ * 1024, (64 << 20) + frames / 8 + mappings * 64);
    const int64_t recorded_kib =
        QueryValue(file_, "SELECT peak_rss_kib FROM cost WHERE source = 'total'");
    EXPECT_LE(recorded_kib, peak_rss_kib_ + UncountedKib());
    EXPECT_GT(recorded_kib, 0);
  }

  // By how much ru_maxrss may stay behind VmHWM. Of the three counters of RSS each CPU keeps up to
  // a batch of pages to itself (lib/percpu_counter.c): /proc/PID/status adds those on newer
  // kernels, the figure for wait4(2) is taken without them (kernel/exit.c, setmax_mm_hiwater_rss).
  static int64_t UncountedKib() {
    const int64_t cpu_count = sysconf(_SC_NPROCESSORS_CONF);
    const int64_t batch = std::max<int64_t>(32, 2 * cpu_count);
    return 3 * cpu_count * batch * sysconf(_SC_PAGESIZE) / 1024;
  }
};

TEST_F(BoundTest, SixtyThousandMappings) {
  std::ifstream limit_file("/proc/sys/vm/max_map_count");
  uint64_t limit = 0;
  limit_file >> limit;
  if (limit < 60100) GTEST_SKIP() << "vm.max_map_count is too small here";
  const LifeTarget target("mappings", 60000);
  // `check` compares mapping by mapping, which is no matter of this test.
  EXPECT_EQ(Capture({"-p", target.pid_text()}, /*sound=*/false), 0);
  EXPECT_EQ(QueryValue(file_, "SELECT integrity_check FROM pragma_integrity_check"), "ok");
  EXPECT_GE(QueryValue(file_, "SELECT COUNT(*) FROM mapping").get<int>(), 60000);
  EXPECT_GE(QueryValue(file_, "SELECT SUM(present_count) FROM page_chunk").get<int>(), 60000);
  ExpectBounded();
}

TEST_F(BoundTest, ATebibyteReserved) {
  const LifeTarget target("reserve", 1000);
  EXPECT_EQ(Capture({"-p", target.pid_text()}), 0);
  EXPECT_EQ(QueryValue(file_,
                       "SELECT SUM(present_count) FROM page_chunk c JOIN mapping m ON "
                       "m.id = c.mapping_id WHERE page_count >= 1 << 28"),
            1000);
  ExpectBounded();
}

TEST_F(BoundTest, HundredsOfMebibytes) {
  const LifeTarget target("count", 400);
  EXPECT_EQ(Capture({"-p", target.pid_text(), "--verify"}), 0);
  ExpectBounded();
}

}  // namespace
}  // namespace pagesnap
