// SIGINT and SIGTERM while the programs wait or work.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "lib/base/unique_fd.h"
#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

constexpr char kSample[] = PAGESNAP_FIXTURE_DIR "/../../samples/workload.pagesnap";
constexpr char kTree[] = PAGESNAP_FIXTURE_DIR "/linux-6.1";

// A program with its standard output in a pipe of one page, that nobody reads.
class Stuck {
 public:
  explicit Stuck(std::vector<std::string> argv) {
    int out[2];
    int err[2];
    EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(err, O_CLOEXEC), 0);
    EXPECT_GT(fcntl(out[1], F_SETPIPE_SZ, 4096), 0);
    std::vector<char*> pointers;
    for (std::string& argument : argv) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out[1], STDOUT_FILENO);
      dup2(err[1], STDERR_FILENO);
      execv(pointers[0], pointers.data());
      _exit(127);
    }
    out_.Reset(out[0]);
    err_.Reset(err[0]);
    close(out[1]);
    close(err[1]);
  }

  // Returns once its output has something.
  void AwaitOutput() const {
    pollfd source = {out_.get(), POLLIN, 0};
    EXPECT_EQ(poll(&source, 1, 60'000), 1);
  }

  // Sends the signal until it has ended, because it can come just before a wait; not for so long
  // that it ends at once. Returns the exit code, 128 + the signal that ended it.
  int End(int signal_number) const {
    int status = 0;
    for (int i = 0; i < 18; ++i) {
      kill(pid_, signal_number);
      for (int j = 0; j < 50; ++j) {
        if (waitpid(pid_, &status, WNOHANG) == pid_) {
          return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        }
        poll(nullptr, 0, 1);
      }
    }
    kill(pid_, SIGKILL);
    waitpid(pid_, &status, 0);
    return -1;
  }

  [[nodiscard]] std::string Messages() const {
    std::string text(4096, '\0');
    const ssize_t size = read(err_.get(), text.data(), text.size());
    text.resize(size > 0 ? static_cast<size_t>(size) : 0);
    return text;
  }

 private:
  pid_t pid_;
  UniqueFd out_;
  UniqueFd err_;
};

TEST(InterruptTest, APipeThatNobodyReads) {
  for (const int number : {SIGINT, SIGTERM}) {
    const Stuck capture({BuiltProgram("capture"), "-a", "--proc-root", kTree, "-o", "-"});
    capture.AwaitOutput();
    EXPECT_EQ(capture.End(number), 1);
    EXPECT_EQ(capture.Messages(),
              "capture: interrupted; standard output does not have all of the file\n");
  }
}

TEST(InterruptTest, AnalyzeEndsBySignal) {
  for (const int number : {SIGINT, SIGTERM}) {
    const Stuck analyze({BuiltProgram("analyze"), "pages", kSample, "--format", "json"});
    analyze.AwaitOutput();
    EXPECT_EQ(analyze.End(number), 128 + number);  // what a shell says of it
    EXPECT_EQ(analyze.Messages(), "");
  }
}

}  // namespace
}  // namespace pagesnap
