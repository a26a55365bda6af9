// Two pids with one address space, threads, and a process without its first thread, on this kernel.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <thread>

#include "lib/base/error.h"
#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

constexpr size_t kBytes = size_t{8} << 20;

// What the forked process tells the test once it is ready.
struct Ready {
  pid_t other;  // another pid or the number of a thread
};

// A forked process that runs `body`, which tells `ready` and does not return.
class Target {
 public:
  explicit Target(void (*body)(int ready)) {
    int ends[2];
    if (pipe(ends) != 0) throw Error("pipe failed");
    pid_ = fork();
    if (pid_ == 0) {
      close(ends[0]);
      body(ends[1]);
      _exit(1);
    }
    close(ends[1]);
    if (read(ends[0], &ready_, sizeof ready_) != sizeof ready_) ready_.other = 0;
    close(ends[0]);
  }
  ~Target() {
    if (shares_memory_) kill(ready_.other, SIGKILL);
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] pid_t other() const { return ready_.other; }
  void KillOtherToo() { shares_memory_ = true; }

 private:
  pid_t pid_;
  Ready ready_ = {};
  bool shares_memory_ = false;
};

void Touch() {
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::memset(memory, 1, kBytes);
}

[[noreturn]] void WaitForever() {
  for (;;) pause();
}

void Tell(int ready, pid_t other) {
  const Ready message = {other};
  static_cast<void>(!write(ready, &message, sizeof message));
}

void CloneOfTheMemory(int ready) {
  Touch();
  static char stack[1 << 16];
  const pid_t other =
      clone([](void*) -> int { WaitForever(); }, stack + sizeof stack, CLONE_VM | SIGCHLD, nullptr);
  Tell(ready, other);
  WaitForever();
}

void Thread(int ready) {
  Touch();
  std::thread([ready] {
    Tell(ready, static_cast<pid_t>(syscall(SYS_gettid)));
    WaitForever();
  }).detach();
  WaitForever();
}

void ThreadWithoutTheFirst(int ready) {
  Touch();
  const pid_t first = getpid();
  std::thread([ready, first] {
    // Not before the first has ended: its state is then Z.
    for (;;) {
      char state = '?';
      if (FILE* stat = fopen(("/proc/" + std::to_string(first) + "/stat").c_str(), "r")) {
        static_cast<void>(!fscanf(stat, "%*d (%*[^)]) %c", &state));
        fclose(stat);
      }
      if (state == 'Z') break;
      usleep(1000);
    }
    Tell(ready, static_cast<pid_t>(syscall(SYS_gettid)));
    WaitForever();
  }).detach();
  syscall(SYS_exit, 0);
}

nlohmann::json Processes(const std::vector<std::string>& capture) {
  const TemporaryDirectory directory;
  const std::string file = directory.File("a.pagesnap");
  std::vector<std::string> arguments = capture;
  arguments.insert(arguments.end(), {"--quiet", "-o", file});
  const CommandResult result = RunCapture(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return AnalyzeRows({"processes", file});
}

class LiveAddressSpaceTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
  }
  static void ExpectOneProcess(std::vector<std::string> capture, pid_t pid) {
    if (GetParam()) capture.emplace_back("--freeze");
    const nlohmann::json rows = Processes(capture);
    ASSERT_EQ(rows.size(), 1U) << rows.dump(1);
    EXPECT_EQ(rows[0].at("pid").get<pid_t>(), pid);
    EXPECT_GE(rows[0].at("rss_kib").get<uint64_t>(), kBytes / 1024);
    EXPECT_EQ(rows[0].at("rss_kib"), rows[0].at("kernel_rss_kib"));
  }
};

TEST_P(LiveAddressSpaceTest, ACloneOfTheMemoryCountsOnce) {
  Target target(CloneOfTheMemory);
  target.KillOtherToo();
  ExpectOneProcess({"-p", JoinPids({target.pid(), target.other()})}, target.pid());
}

TEST_P(LiveAddressSpaceTest, AThreadIsItsProcess) {
  const Target target(Thread);
  ExpectOneProcess({"-p", JoinPids({target.other(), target.pid()})}, target.pid());
  ExpectOneProcess({"-t", JoinPids({target.other()})}, target.pid());
}

TEST_P(LiveAddressSpaceTest, TheFirstThreadHasEnded) {
  const Target target(ThreadWithoutTheFirst);
  ExpectOneProcess({"-p", JoinPids({target.pid()})}, target.pid());
}

INSTANTIATE_TEST_SUITE_P(Frozen, LiveAddressSpaceTest, testing::Bool());

}  // namespace
}  // namespace pagesnap
