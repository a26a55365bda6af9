// --freeze stops the target while it is captured and leaves it as it was; --verify tells how much
// moved without it.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <thread>

#include "lib/base/unique_fd.h"
#include "tests/live/life_testing.h"

namespace pagesnap {
namespace {

using ::testing::HasSubstr;

// Returns the child of a process that has this name, once it is there; -1: it never was.
pid_t AwaitChild(pid_t parent, const std::string& name) {
  pid_t found = -1;
  Await([&] {
    std::istringstream children(ReadFileText(fmt::format("/proc/{0}/task/{0}/children", parent)));
    for (pid_t pid; found < 0 && children >> pid;) {
      if (ReadFileText(fmt::format("/proc/{}/comm", pid)) == name + "\n") found = pid;
    }
    return found >= 0;
  });
  return found;
}

// A folder as a FUSE server shows it; the server is a child of the test.
class FuseMount {
 public:
  FuseMount() {
    std::filesystem::create_directories(directory_.File("source"));
    std::filesystem::create_directories(path());
    server_ = std::make_unique<Job>(
        std::vector<std::string>{"bindfs", "-f", directory_.File("source"), path()});
    mounted_ =
        Await([&] { return MountIsThere() || server_->Wait(std::chrono::milliseconds(0)); }) &&
        MountIsThere();
  }
  ~FuseMount() {
    if (mounted_) umount2(path().c_str(), MNT_DETACH);
  }
  FuseMount(const FuseMount&) = delete;
  FuseMount& operator=(const FuseMount&) = delete;
  [[nodiscard]] bool mounted() const { return mounted_; }
  [[nodiscard]] std::string path() const { return directory_.File("mount"); }
  [[nodiscard]] pid_t server() const { return server_->pid(); }

 private:
  [[nodiscard]] bool MountIsThere() const {
    return ReadFileText("/proc/mounts").find(" " + path() + " fuse") != std::string::npos;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Job> server_;
  bool mounted_ = false;
};

class FreezeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "ptrace and PFNs are for root alone";
  }
  // Captures into a new file and returns the program's exit code.
  int Capture(const LifeTarget& target, std::vector<std::string> options) {
    std::filesystem::remove(file_);
    options.insert(options.end(), {"-p", target.pid_text(), "-o", file_});
    Job capture(CaptureCommand(options));
    const std::optional<int> code = capture.Wait();
    said_ = capture.out() + capture.err();
    return code.value_or(-1);
  }
  int Frozen() { return QueryValue(file_, "SELECT frozen FROM snapshot"); }

  TemporaryDirectory directory_;
  std::string file_ = directory_.File("out.pagesnap");
  std::string said_;
};

TEST_F(FreezeTest, TheTargetStandsStillMeanwhileAndRunsOnAfterwards) {
  const LifeTarget target("count", 200);
  Job capture(CaptureCommand({"-p", target.pid_text(), "--freeze", "-o", file_}));
  ASSERT_TRUE(Await([&] { return StateOf(target.pid()) == 't'; }));
  const uint64_t before = target.count();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const uint64_t after = target.count();
  // What was read between two looks at a stopped target was read while it was stopped.
  ASSERT_EQ(StateOf(target.pid()), 't') << "the capture was too short to look at";
  EXPECT_EQ(after, before);
  EXPECT_EQ(capture.Wait(), 0) << capture.err();
  EXPECT_TRUE(target.Runs());
  EXPECT_EQ(Frozen(), 1);
}

TEST_F(FreezeTest, WithoutItNothingStopsTheTarget) {
  const LifeTarget target("count", 100);
  Job capture(CaptureCommand({"-p", target.pid_text(), "-o", file_}));
  bool stopped = false;
  ASSERT_TRUE(Await([&] {
    const char state = StateOf(target.pid());
    stopped |= state == 't' || state == 'T';
    return capture.Wait(std::chrono::milliseconds(0)).has_value();
  }));
  EXPECT_FALSE(stopped);
  EXPECT_EQ(Frozen(), 0);
}

TEST_F(FreezeTest, ThreadsThatComeAndGo) {
  const LifeTarget target("threads");
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(Capture(target, {"--freeze"}), 0) << said_;
    ASSERT_EQ(Frozen(), 1);
    ASSERT_TRUE(target.Runs());
  }
}

// Its memory is there, but no file of /proc/PID shows it.
TEST_F(FreezeTest, AProcessWithoutItsFirstThread) {
  const LifeTarget target("leaderless");
  ASSERT_TRUE(Await([&] { return StateOf(target.pid()) == 'Z'; }));
  for (const std::vector<std::string>& options : {std::vector<std::string>{}, {"--freeze"}}) {
    EXPECT_EQ(Capture(target, options), 0) << said_;
    EXPECT_EQ(QueryValue(file_, "SELECT rss_kib > 0 FROM process_usage"), 1);
    EXPECT_EQ(QueryValue(file_, "SELECT frozen FROM process"), options.empty() ? 0 : 1);
    EXPECT_TRUE(target.Runs());
  }
}

TEST_F(FreezeTest, AStoppedTargetStaysStopped) {
  LifeTarget target("count", 10);
  target.process().Stop();
  const uint64_t before = target.count();
  EXPECT_EQ(Capture(target, {"--freeze"}), 0) << said_;
  EXPECT_EQ(Frozen(), 1);
  EXPECT_EQ(StateOf(target.pid()), 'T');
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(target.count(), before);
  target.process().Continue();
  EXPECT_TRUE(target.Runs());
}

TEST_F(FreezeTest, ATargetThatADebuggerHoldsIsAGap) {
  const LifeTarget target("count", 10);
  ASSERT_EQ(ptrace(PTRACE_SEIZE, target.pid(), nullptr, nullptr), 0);
  EXPECT_EQ(Capture(target, {"--freeze"}), 3) << said_;
  EXPECT_EQ(Frozen(), 0);
  EXPECT_THAT(QueryValue(file_, "SELECT reason FROM gap WHERE source = 'freeze'"),
              HasSubstr(fmt::format("process {} (", getpid())));
  EXPECT_TRUE(target.Runs());
  // It is captured all the same.
  EXPECT_GT(QueryValue(file_, "SELECT SUM(present_count) FROM page_chunk").get<int>(), 2000);
}

// They can run on, and so change the memory.
class FreezeSharersTest : public FreezeTest {
 protected:
  std::string Reason() {
    return QueryValue(file_, "SELECT reason FROM gap WHERE source = 'freeze'").get<std::string>();
  }
};

TEST_F(FreezeSharersTest, AnotherProcessWithTheSameMemoryIsStoppedToo) {
  const LifeTarget target("share", 200);
  const pid_t sharer = std::stoi(target.said());
  Job capture(CaptureCommand({"-p", target.pid_text(), "--freeze", "-o", file_}));
  bool stopped = false;
  ASSERT_TRUE(Await(
      [&] {
        stopped |= StateOf(sharer) == 't';
        return capture.Wait(std::chrono::milliseconds(0)).has_value();
      },
      std::chrono::seconds(30)));
  EXPECT_TRUE(stopped);
  EXPECT_EQ(capture.Wait(), 0) << capture.err();
  EXPECT_EQ(Frozen(), 1);
  EXPECT_TRUE(target.Runs());
  kill(sharer, SIGKILL);
}

TEST_F(FreezeSharersTest, OneThatADebuggerHoldsIsAGap) {
  const LifeTarget target("share", 1);
  const pid_t sharer = std::stoi(target.said());
  ASSERT_EQ(ptrace(PTRACE_SEIZE, sharer, nullptr, nullptr), 0);
  EXPECT_EQ(Capture(target, {"--freeze"}), 3) << said_;
  EXPECT_EQ(Frozen(), 0);
  EXPECT_EQ(QueryValue(file_, "SELECT frozen FROM process"), 0);
  EXPECT_THAT(Reason(), HasSubstr(fmt::format("process {}, which shares its memory", sharer)));
  EXPECT_TRUE(target.Runs());
  kill(sharer, SIGKILL);
}

TEST_F(FreezeSharersTest, AThreadThatIsNamedDoesNotShareWithItsOwnProcess) {
  const LifeTarget target("idle", 1);
  std::string thread;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + target.pid_text() + "/task")) {
    if (task.path().filename() != target.pid_text()) thread = task.path().filename();
  }
  Job capture(CaptureCommand({"-p", thread, "--freeze", "-o", file_}));
  EXPECT_EQ(capture.Wait(), 0) << capture.err();
  EXPECT_EQ(QueryValue(file_, "SELECT frozen FROM process"), 1);
  EXPECT_TRUE(target.Runs());
}

// It waits for its child in vfork(2), uninterruptibly, which no tracer can change.
TEST_F(FreezeSharersTest, AParentThatWaitsInVfork) {
  const LifeTarget target("vfork", 30'000);
  ASSERT_TRUE(Await([&] { return StateOf(target.pid()) == 'D'; }));
  const pid_t child = AwaitChild(target.pid(), "life_target");
  ASSERT_GT(child, 0);
  EXPECT_EQ(Capture(target, {"--freeze"}), 3) << said_;
  EXPECT_EQ(Frozen(), 0);
  EXPECT_EQ(Reason(), "it did not stop: uninterruptible sleep");
  EXPECT_THAT(said_, HasSubstr("; tried to stop it for "));

  Job capture(CaptureCommand({"-p", std::to_string(child), "--freeze", "--force", "-o", file_}));
  EXPECT_EQ(capture.Wait(), 3) << capture.err();
  EXPECT_EQ(QueryValue(file_, "SELECT frozen FROM process"), 0);
  EXPECT_THAT(Reason(), HasSubstr(fmt::format("process {}, which shares", target.pid())));
  const uint64_t before = target.count();
  EXPECT_EQ(kill(child, SIGKILL), 0);
  EXPECT_TRUE(Await([&] { return target.count() > before; }));
}

TEST_F(FreezeTest, SignalsArriveAfterwards) {
  LifeTarget target("count", 200);
  Job capture(CaptureCommand({"-p", target.pid_text(), "--freeze", "-o", file_}));
  ASSERT_TRUE(Await([&] { return StateOf(target.pid()) == 't'; }));
  target.process().Signal(SIGTERM);
  EXPECT_EQ(capture.Wait(), 0) << capture.err();
  EXPECT_EQ(target.process().Wait(), 128 + SIGTERM);
}

TEST_F(FreezeTest, WithoutItsTracerItCapturesAndSaysSo) {
  const LifeTarget target("count", 200);
  Job capture(CaptureCommand({"-p", target.pid_text(), "--freeze", "-o", file_}));
  const pid_t parent = AwaitChild(capture.pid(), "capture-forker");
  ASSERT_GT(parent, 0);
  const pid_t tracer = AwaitChild(parent, "capture-tracer");
  ASSERT_GT(tracer, 0);
  kill(tracer, SIGKILL);
  EXPECT_EQ(capture.Wait(), 3) << capture.err();
  EXPECT_EQ(Frozen(), 0);
  EXPECT_THAT(QueryValue(file_, "SELECT reason FROM gap WHERE source = 'freeze'"),
              HasSubstr("capture-tracer"));
  EXPECT_TRUE(target.Runs());
}

TEST_F(FreezeTest, TheServerOfTheOutputsFileSystemIsAmongTheFrozen) {
  const FuseMount mount;
  if (!mount.mounted()) GTEST_SKIP() << "needs bindfs and FUSE";
  const LifeTarget target("count", 50);
  file_ = mount.path() + "/out.pagesnap";
  const UniqueFd out(open(file_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::string pids = fmt::format("{},{}", target.pid(), mount.server());
  Job capture(CaptureCommand({"-p", pids, "--freeze", "-o", "-"}), out.get());
  EXPECT_THAT(capture.Wait(), testing::AnyOf(0, 3)) << capture.err();
  EXPECT_TRUE(target.Runs());
  ExpectSound(file_);
}

// In a pid namespace of its own, with its own /proc, capture is the first process.
TEST_F(FreezeTest, AllProcessesOfANamespace) {
  Job capture(
      {"unshare", "--pid", "--mount-proc", "--fork", "sh", "-c",
       "sleep 30 & " + BuiltProgram("capture") + " -a --freeze -o " + file_ + " && kill $!"});
  EXPECT_EQ(capture.Wait(), 0) << capture.err();
  EXPECT_GE(QueryValue(file_, "SELECT COUNT(*) FROM process"), 3);
}

TEST_F(FreezeTest, OtherNumbersForProcessesAreRefused) {
  Job capture(
      {"unshare", "--pid", "--fork", BuiltProgram("capture"), "-a", "--freeze", "-o", file_});
  EXPECT_EQ(capture.Wait(), 1);
  EXPECT_THAT(capture.err(), HasSubstr("pid namespace"));
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(FreezeTest, AccountingOfABusyTargetEqualsTheKernels) {
  const LifeTarget target("busy", 20);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(Capture(target, {"--freeze"}), 0) << said_;
    const CommandResult check = RunAnalyze({"check", file_});
    EXPECT_EQ(check.exit_code, 0) << check.out;
  }
}

TEST_F(FreezeTest, VerifyCountsWhatChanges) {
  const LifeTarget target("busy", 20);
  ASSERT_EQ(Capture(target, {"--verify"}), 0) << said_;
  const uint64_t busy = std::stoull(target.said(), nullptr, 16) / 4096;
  const auto rows = QueryFile(
      file_, "SELECT first_page, page_count, changed_count FROM mapping WHERE page_count > 1000");
  ASSERT_EQ(rows.size(), 2u);  // the one that changes, and the one that does not
  for (const auto& row : rows) {
    if (row.at("first_page") == busy) {
      EXPECT_GT(row.at("changed_count").get<int>(), 0);
      EXPECT_LE(row.at("changed_count"), row.at("page_count"));
    } else {
      EXPECT_EQ(row.at("changed_count"), 0);
    }
  }
  EXPECT_EQ(QueryValue(file_,
                       "SELECT COUNT(*) FROM mapping WHERE changed_count IS NULL AND "
                       "first_page > 0"),  // [vsyscall] is in no pagemap
            QueryValue(file_,
                       "SELECT COUNT(*) FROM mapping JOIN file ON file.id = file_id "
                       "WHERE path = '[vsyscall]'"));
}

TEST_F(FreezeTest, TheLimitEndsItAndIsAGap) {
  const LifeTarget target("count", 500);
  EXPECT_EQ(Capture(target, {"--freeze", "--freeze-limit", "0.02"}), 3) << said_;
  EXPECT_EQ(QueryValue(file_,
                       "SELECT COUNT(*) FROM gap JOIN process p ON p.id = process_id "
                       "WHERE source = 'freeze' AND NOT frozen"),
            1);
  EXPECT_EQ(Frozen(), 0);
  EXPECT_TRUE(target.Runs());
  // It is captured all the same.
  EXPECT_GT(QueryValue(file_, "SELECT SUM(present_count) FROM page_chunk").get<int>(), 100'000);
  const CommandResult check = RunAnalyze({"check", file_});
  EXPECT_EQ(check.exit_code, 3) << check.out;
  EXPECT_THAT(check.out, HasSubstr("not compared: their processes ran"));
}

TEST_F(FreezeTest, VerifyOfAFrozenTargetFindsNothing) {
  const LifeTarget target("busy", 20);
  ASSERT_EQ(Capture(target, {"--verify", "--freeze"}), 0) << said_;
  EXPECT_EQ(QueryValue(file_, "SELECT SUM(changed_count) FROM mapping"), 0);
}

TEST_F(FreezeTest, WithoutVerifyNothingIsSaidOfChanges) {
  const LifeTarget target("busy", 1);
  ASSERT_EQ(Capture(target, {}), 0) << said_;
  EXPECT_EQ(QueryValue(file_, "SELECT COUNT(changed_count) FROM mapping"), 0);
}

}  // namespace
}  // namespace pagesnap
