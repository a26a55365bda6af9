#include "tests/live/life_testing.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"
#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

// What waits for a process to change polls at this rate.
constexpr std::chrono::milliseconds kLook(1);

int OpenOrThrow(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) throw Error(path + ": " + ErrnoText(errno));
  return fd;
}

}  // namespace

LifeTarget::LifeTarget(const std::string& mode, uint64_t number) {
  const std::string path = directory_.File("counter");
  const UniqueFd fd(OpenOrThrow(path, O_RDWR | O_CREAT));
  if (ftruncate(fd.get(), kPageSize) != 0) throw Error(path + ": " + ErrnoText(errno));
  void* shared = mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (shared == MAP_FAILED) throw Error(path + ": " + ErrnoText(errno));
  counter_ = static_cast<std::atomic<uint64_t>*>(shared);
  process_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{PAGESNAP_LIFE_TARGET, path, mode, std::to_string(number)});
  for (std::string line; (line = process_->ReadLine()) != "ready";) said_ += line;
}

LifeTarget::~LifeTarget() {
  process_.reset();
  munmap(counter_, kPageSize);
}

bool LifeTarget::Runs() const {
  const uint64_t before = count();
  return Await([&] { return count() > before; });
}

Job::Job(const std::vector<std::string>& argv, int out_fd, const std::string& working_directory) {
  const UniqueFd out(OpenOrThrow(directory_.File("out"), O_WRONLY | O_CREAT));
  const UniqueFd err(OpenOrThrow(directory_.File("err"), O_WRONLY | O_CREAT));
  const UniqueFd null(OpenOrThrow("/dev/null", O_RDONLY));
  std::vector<char*> pointers;
  for (const std::string& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  pid_ = fork();
  if (pid_ < 0) throw Error("fork: " + ErrnoText(errno));
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(null.get(), STDIN_FILENO);
    dup2(out_fd >= 0 ? out_fd : out.get(), STDOUT_FILENO);
    dup2(err.get(), STDERR_FILENO);
    if (!working_directory.empty() && chdir(working_directory.c_str()) != 0) _exit(126);
    execvp(pointers[0], pointers.data());
    _exit(127);
  }
}

Job::~Job() {
  if (exit_code_) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void Job::Signal(int signal_number) const {
  // Once it was waited for, the number may belong to another process.
  if (!exit_code_) kill(pid_, signal_number);
}

std::optional<int> Job::Wait(std::chrono::milliseconds limit) {
  Await(
      [&] {
        if (exit_code_) return true;
        int status = 0;
        rusage usage;
        if (wait4(pid_, &status, WNOHANG, &usage) != pid_) return false;
        exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        peak_rss_kib_ = usage.ru_maxrss;
        return true;
      },
      limit);
  return exit_code_;
}

std::string Job::out() const { return ReadFileText(directory_.File("out")); }
std::string Job::err() const { return ReadFileText(directory_.File("err")); }

std::vector<std::string> CaptureCommand(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {BuiltProgram("capture")};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

std::string ReadFileText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();  // what ends while it is read has no text, and throws nothing
  return text.str();
}

char StateOf(pid_t pid) {
  const std::string stat = ReadFileText(fmt::format("/proc/{}/stat", pid));
  const size_t close = stat.rfind(')');
  return close == std::string::npos || close + 2 >= stat.size() ? '-' : stat[close + 2];
}

bool Await(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

nlohmann::json QueryFile(const std::string& file, const std::string& sql) {
  return AnalyzeRows({"sql", file, sql});
}

nlohmann::json QueryValue(const std::string& file, const std::string& sql) {
  const nlohmann::json rows = QueryFile(file, sql);
  return rows.empty() ? nlohmann::json() : rows.at(0).begin().value();
}

void ExpectSound(const std::string& file) {
  const CommandResult check = RunAnalyze({"check", file});
  EXPECT_THAT(check.exit_code, ::testing::AnyOf(0, 3)) << check.err;
  EXPECT_THAT(check.out, ::testing::Not(::testing::HasSubstr("damaged"))) << file;
  EXPECT_THAT(check.out, ::testing::HasSubstr("SQLite integrity"));
}

}  // namespace pagesnap
