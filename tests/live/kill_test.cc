// However capture ends, its target runs on, and the name holds a whole file or none.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <random>
#include <thread>

#include "tests/live/life_testing.h"

namespace pagesnap {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class KillTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "other processes' memory is for root alone";
  }

  // Starts a capture of the target into out.pagesnap.
  std::unique_ptr<Job> Start(const std::vector<std::string>& options, const std::string& pids) {
    std::vector<std::string> arguments = {"-p", pids, "-o", file_};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return std::make_unique<Job>(CaptureCommand(arguments), -1, directory_.path());
  }

  // Returns how long such a capture takes.
  std::chrono::microseconds Measure(const std::vector<std::string>& options,
                                    const std::string& pids) {
    auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(Start(options, pids)->Wait(), 0);
    auto end = std::chrono::steady_clock::now();
    std::filesystem::remove(file_);
    return std::chrono::duration_cast<std::chrono::microseconds>(end - start);
  }

  // Kills captures at random moments.
  void KillAtRandom(const std::vector<std::string>& options, int times) {
    const Workload workload;
    const LifeTarget target("count", 60);
    const std::string pids = fmt::format("{},{}", workload.pid(), target.pid());
    // The first is slow, with cold caches; the ones that are killed are not.
    std::chrono::microseconds duration = Measure(options, pids);
    for (int i = 0; i < 4; ++i) duration = std::min(duration, Measure(options, pids));
    std::mt19937_64 random(times);
    int killed_count = 0;
    for (int i = 0; i < times; ++i) {
      std::unique_ptr<Job> capture = Start(options, pids);
      std::this_thread::sleep_for(std::chrono::microseconds(
          random() % static_cast<uint64_t>(duration.count() + duration.count() / 10)));
      capture->Signal(SIGKILL);
      const std::optional<int> code = capture->Wait();
      ASSERT_THAT(code, AnyOf(0, 128 + SIGKILL)) << capture->err();
      killed_count += *code != 0;
      // The kernel kills the tracer when capture has died, and lets go of the targets as it dies.
      for (const pid_t pid : {target.pid(), workload.pid()}) {
        ASSERT_TRUE(Await([&] { return StateOf(pid) != 't'; }, std::chrono::seconds(2)));
        ASSERT_THAT(StateOf(pid), AnyOf('R', 'S', 'D')) << "attempt " << i;
      }
      ASSERT_TRUE(target.Runs()) << "attempt " << i;
      if (directory_.Names().empty()) {
        ASSERT_NE(*code, 0);
        continue;
      }
      ASSERT_THAT(directory_.Names(), ElementsAre("out.pagesnap"));
      ExpectSound(file_);
      std::filesystem::remove(file_);
    }
    EXPECT_GT(killed_count, times / 2);
  }

  TemporaryDirectory directory_;
  std::string file_ = directory_.File("out.pagesnap");
};

TEST_F(KillTest, AtRandomMoments) { KillAtRandom({"-q"}, 200); }

TEST_F(KillTest, AtRandomMomentsWhileFrozen) { KillAtRandom({"-q", "--freeze"}, 200); }

TEST_F(KillTest, InterruptsEndItWithASentenceAndNoFile) {
  const LifeTarget target("count", 200);
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{}, {"--freeze"}, {"--verify"}}) {
    const std::chrono::microseconds duration = Measure(options, target.pid_text());
    int interrupted_count = 0;
    for (int i = 0; i < 8; ++i) {
      const int signal_number = i % 2 == 0 ? SIGINT : SIGTERM;
      std::unique_ptr<Job> capture = Start(options, target.pid_text());
      std::this_thread::sleep_for(duration * (i + 2) / 12);
      capture->Signal(signal_number);
      const std::optional<int> code = capture->Wait();
      ASSERT_TRUE(target.Runs());
      // Before main() has set its handlers a signal ends it as any program, and it may be over
      // already.
      if (code == 128 + signal_number) {
        EXPECT_THAT(directory_.Names(), IsEmpty());
      } else if (code == 1) {
        ++interrupted_count;
        EXPECT_EQ(capture->err(), "capture: interrupted; nothing was written\n");
        EXPECT_EQ(capture->out(), "");
        EXPECT_THAT(directory_.Names(), IsEmpty());
      } else {
        EXPECT_EQ(code, 0) << capture->err();
        EXPECT_TRUE(std::filesystem::remove(file_));
      }
    }
    EXPECT_GT(interrupted_count, 0);
  }
}

TEST_F(KillTest, NiceLowersThePriority) {
  const LifeTarget target("count", 200);
  // A series lasts as long as it is looked at.
  std::unique_ptr<Job> capture = Start({"--nice", "--interval", "0.001"}, target.pid_text());
  // On a busy machine it takes a while from one call to the next.
  EXPECT_TRUE(Await([&] { return std::filesystem::exists(file_); }));
  EXPECT_EQ(getpriority(PRIO_PROCESS, capture->pid()), 19);
  const std::string ionice =
      RunCommand({"sh", "-c", fmt::format("ionice -p {} || true", capture->pid())}).out;
  if (!ionice.empty()) {
    EXPECT_EQ(ionice, "idle\n");
  }
  // Threads that it starts inherit both.
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", capture->pid()))) {
    EXPECT_EQ(getpriority(PRIO_PROCESS, std::stoi(entry.path().filename())), 19);
  }
  capture->Signal(SIGINT);
  EXPECT_EQ(capture->Wait(), 0);
}

TEST_F(KillTest, WithoutNiceThePriorityStays) {
  const LifeTarget target("count", 20);
  std::unique_ptr<Job> capture = Start({"--interval", "0.001"}, target.pid_text());
  ASSERT_TRUE(Await([&] { return !capture->out().empty(); }));
  EXPECT_EQ(getpriority(PRIO_PROCESS, capture->pid()), getpriority(PRIO_PROCESS, getpid()));
  capture->Signal(SIGINT);
  EXPECT_EQ(capture->Wait(), 0);
}

TEST_F(KillTest, TwoAtOnceAndManyJobs) {
  const LifeTarget target("count", 50);
  const std::string other_file = directory_.File("other.pagesnap");
  std::unique_ptr<Job> one = Start({"--jobs", "64"}, target.pid_text());
  Job other(CaptureCommand({"-p", target.pid_text(), "--jobs", "1", "-o", other_file}));
  EXPECT_EQ(one->Wait(), 0) << one->err();
  EXPECT_EQ(other.Wait(), 0) << other.err();
  ExpectSound(file_);
  ExpectSound(other_file);
  const std::string pages = "SELECT SUM(present_count) FROM page_chunk";
  EXPECT_NEAR(QueryValue(file_, pages).get<double>(), QueryValue(other_file, pages).get<double>(),
              100);
}

// Two tracers cannot hold one thread: who comes second says so.
TEST_F(KillTest, TwoAtOnceFrozen) {
  const LifeTarget target("count", 100);
  const std::string other_file = directory_.File("other.pagesnap");
  std::unique_ptr<Job> one = Start({"--freeze"}, target.pid_text());
  Job other(CaptureCommand({"-p", target.pid_text(), "--freeze", "-o", other_file}));
  EXPECT_THAT(one->Wait(), AnyOf(0, 3)) << one->err();
  EXPECT_THAT(other.Wait(), AnyOf(0, 3)) << other.err();
  ExpectSound(file_);
  ExpectSound(other_file);
  EXPECT_TRUE(target.Runs());
}

TEST_F(KillTest, TheShellThatStartedIt) {
  for (const char* freeze : {"", "--freeze"}) {
    Job shell({"sh", "-c",
               fmt::format("{} -t $$ {} -o {}; echo $?", BuiltProgram("capture"), freeze, file_)});
    EXPECT_EQ(shell.Wait(), 0);
    // With --freeze too: that capture leaves itself running is not a gap.
    EXPECT_THAT(shell.out(), HasSubstr("\n0\n")) << shell.err();
    ExpectSound(file_);
    EXPECT_EQ(
        QueryValue(file_, "SELECT COUNT(*) FROM process WHERE name IN ('sh', 'dash', 'bash')"), 1);
    std::filesystem::remove(file_);
  }
}

}  // namespace
}  // namespace pagesnap
