// Mapped files on this machine's file systems: containers, rebuilt programs, what was evicted, and
// a server that does not answer.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// The events of the mappings of files whose path contains `name`, of two captures.
std::vector<std::string> Events(const std::string& before, const std::string& after,
                                const std::string& name) {
  std::vector<std::string> events;
  for (const auto& row : AnalyzeRows({"diff-maps", before, after, "--all"})) {
    const auto path = row.at("path").get<std::string>();
    if (path.find(name) != std::string::npos) events.push_back(row.at("event"));
  }
  return events;
}

// Unmounts folders when it ends, the last one first.
class Mounts {
 public:
  void UnmountAtEnd(const std::string& folder) {
    undo_.insert(undo_.begin(), std::make_unique<Undo>([folder] {
                   return RunCommand({"umount", "--lazy", folder}).exit_code == 0;
                 }));
  }

 private:
  std::vector<std::unique_ptr<Undo>> undo_;
};

class LiveFileIdentityTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root may look through /proc/PID/map_files";
  }

  std::string Capture(const ChildProcess& process, const std::string& name,
                      const std::vector<std::string>& options = {}) {
    const std::string file = directory_.File(name + ".pagesnap");
    std::vector<std::string> arguments = {"-p", std::to_string(process.pid()), "-o", file};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const CommandResult capture = RunCapture(arguments);
    EXPECT_EQ(capture.exit_code, 0) << capture.err;
    return file;
  }

  TemporaryDirectory directory_;
};

// A folder with what overlay mounts need, on a tmpfs: an overlay's own folders may not be on
// another overlay.
class Containers {
 public:
  explicit Containers(const TemporaryDirectory& directory) : folder_(directory.File("c")) {
    RunCommand({"mkdir", folder_});
    if (RunCommand({"mount", "-t", "tmpfs", "tmpfs", folder_}).exit_code != 0) {
      reason_ = "no tmpfs can be mounted";
      return;
    }
    mounts_.UnmountAtEnd(folder_);
    RunCommand({"mkdir", folder_ + "/root"});
    if (Start(1).ReadLine() != "overlay") reason_ = "no overlay can be mounted";
  }

  [[nodiscard]] const std::string& reason() const { return reason_; }

  // Starts a shell in a container of the machine's own root. It says "overlay".
  ChildProcess Start(int number) {
    const std::string script =
        "mkdir -p $0/u$1 $0/w$1 && mount -t overlay o -o lowerdir=/,upperdir=$0/u$1,workdir=$0/w$1 "
        "$0/root && exec chroot $0/root sh -c 'echo overlay; read line'";
    return ChildProcess({"unshare", "-m", "--propagation", "private", "sh", "-c", script, folder_,
                         std::to_string(number)});
  }

 private:
  std::string folder_;
  std::string reason_;
  Mounts mounts_;
};

TEST_F(LiveFileIdentityTest, ARestartedContainerReplacesNothing) {
  Containers containers(directory_);
  if (!containers.reason().empty()) GTEST_SKIP() << containers.reason();
  std::vector<std::string> files;
  for (const int number : {2, 3}) {
    ChildProcess shell = containers.Start(number);
    ASSERT_EQ(shell.ReadLine(), "overlay");
    files.push_back(Capture(shell, std::to_string(number)));
  }
  const std::vector<std::string> devices = {
      AnalyzeRows({"sql", files[0], "SELECT device FROM file WHERE path LIKE '%/libc.so%'"})[0]
          .dump(),
      AnalyzeRows({"sql", files[1], "SELECT device FROM file WHERE path LIKE '%/libc.so%'"})[0]
          .dump()};
  EXPECT_THAT(Events(files[0], files[1], "/libc.so"),
              testing::AllOf(Not(IsEmpty()), Each(Not(HasSubstr("replaced")))))
      << devices[0] << devices[1];
}

TEST_F(LiveFileIdentityTest, ContainersOfOneImageAreOneLine) {
  Containers containers(directory_);
  if (!containers.reason().empty()) GTEST_SKIP() << containers.reason();
  ChildProcess first = containers.Start(2);
  ChildProcess second = containers.Start(3);
  ASSERT_EQ(first.ReadLine(), "overlay");
  ASSERT_EQ(second.ReadLine(), "overlay");
  const std::string file = Capture(first, "both", {"-p", std::to_string(second.pid())});
  EXPECT_EQ(
      AnalyzeRows({"sql", file,
                   "SELECT COUNT(DISTINCT device) AS n FROM file WHERE path LIKE '%/libc.so%'"})[0]
          .at("n"),
      2);
  int lines = 0;
  for (const auto& row : AnalyzeRows({"shared-files", file, "--path", "*/libc.so*"})) {
    ++lines;
    EXPECT_EQ(row.at("process_count"), 2) << row.dump();
    EXPECT_EQ(row.at("version"), "");
  }
  EXPECT_GT(lines, 0);
  EXPECT_EQ(AnalyzeRows({"maps", file, "--by", "path", "--path", "*/libc.so*"}).size(), 1);
}

// Writes programs that wait, of equal size: only the build ID, or the time, tells.
class Program {
 public:
  explicit Program(std::string path) : path_(std::move(path)) {}

  // Returns whether it could be built.
  [[nodiscard]] bool Build(int number, const std::string& option) const {
    std::ofstream(path_ + ".c") << "#include <unistd.h>\nint main() { write(1, \"on\\n\", 3); "
                                   "char c; return read(0, &c, 1) + "
                                << 100 + number << "; }\n";
    return RunCommand({"gcc", "-O0", "-w", option, "-o", path_, path_ + ".c"}).exit_code == 0;
  }

 private:
  std::string path_;
};

void ExpectRebuiltIsReplaced(LiveFileIdentityTest* test, const std::string& folder,
                             const std::string& option, const TemporaryDirectory& directory) {
  static_cast<void>(test);
  const std::string path = folder + "/server";
  const Program program(path);
  std::string before;
  for (int i = 0; i <= 20; ++i) {
    if (!program.Build(i, option)) GTEST_SKIP() << "no compiler";
    ChildProcess process({path});
    ASSERT_EQ(process.ReadLine(), "on");
    const std::string file = directory.File(std::to_string(i) + ".pagesnap");
    ASSERT_EQ(RunCapture({"-p", std::to_string(process.pid()), "-o", file}).exit_code, 0);
    if (!before.empty()) {
      EXPECT_THAT(Events(before, file, "/server"), Contains(HasSubstr("replaced"))) << i;
    }
    before = file;
  }
}

TEST_F(LiveFileIdentityTest, ARebuiltProgramIsReplacedTwentyTimes) {
  // Not in /tmp, which may be in memory.
  const std::string folder = std::filesystem::absolute("file_identity_test.files");
  const Undo undo([folder] { return std::filesystem::remove_all(folder) > 0; });
  std::filesystem::create_directory(folder);
  ExpectRebuiltIsReplaced(this, folder, "-Wl,--build-id=sha1", directory_);
}

TEST_F(LiveFileIdentityTest, ARebuiltProgramInMemoryIsReplacedTwentyTimes) {
  const std::string folder = directory_.File("memory");
  Mounts mounts;
  RunCommand({"mkdir", folder});
  if (RunCommand({"mount", "-t", "tmpfs", "tmpfs", folder}).exit_code != 0) {
    GTEST_SKIP() << "no tmpfs can be mounted";
  }
  mounts.UnmountAtEnd(folder);
  ExpectRebuiltIsReplaced(this, folder, "-Wl,--build-id=none", directory_);
}

// Returns whether the first page of a file is in the page cache.
bool IsInMemory(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  void* const address = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd.get(), 0);
  unsigned char page = 0;
  EXPECT_EQ(mincore(address, 4096, &page), 0);
  munmap(address, 4096);
  return (page & 1) != 0;
}

// A library that is mapped, but of which no page is in memory.
TEST_F(LiveFileIdentityTest, WhatWasEvictedIsNotReadFromTheDisk) {
  const std::string path = std::filesystem::absolute("file_identity_test.library");
  const Undo undo([path] { return unlink(path.c_str()) == 0; });
  ASSERT_EQ(RunCommand({"cp", BuiltProgram("analyze"), path}).exit_code, 0);
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(fsync(fd.get()), 0);
  void* const mapped = mmap(nullptr, 1 << 20, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd.get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  auto build_id = [&](const std::string& name) {
    const std::string file = directory_.File(name);
    EXPECT_EQ(RunCapture({"-p", std::to_string(getpid()), "-o", file}).exit_code, 0);
    const auto rows = AnalyzeRows(
        {"sql", file,
         "SELECT build_id, size FROM file WHERE path LIKE '%file_identity_test.library'"});
    EXPECT_TRUE(rows.at(0).at("size").is_number());
    return rows.at(0).at("build_id");
  };
  if (build_id("before").is_null()) GTEST_SKIP() << "the file system has no reads without waiting";
  ASSERT_EQ(posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
  if (IsInMemory(path)) GTEST_SKIP() << "nothing is evicted here";
  EXPECT_TRUE(build_id("after").is_null());
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(IsInMemory(path));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  munmap(mapped, 1 << 20);
}

// bindfs is stopped: whoever asks it for anything waits.
TEST_F(LiveFileIdentityTest, AServerThatHangsIsNotWaitedFor) {
  if (RunCommand({"sh", "-c", "command -v bindfs"}).exit_code != 0) GTEST_SKIP() << "no bindfs";
  const std::string source = directory_.File("source");
  const std::string mounted = directory_.File("mounted");
  RunCommand({"mkdir", source, mounted});
  RunCommand({"cp", "/bin/sleep", source});
  ChildProcess server({"bindfs", "-f", source, mounted});
  Mounts mounts;
  mounts.UnmountAtEnd(mounted);
  for (int i = 0; i < 500 && !std::filesystem::exists(mounted + "/sleep"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (!std::filesystem::exists(mounted + "/sleep")) GTEST_SKIP() << "no FUSE here";
  ChildProcess program({mounted + "/sleep", "1000"});
  const std::string exe = "/proc/" + std::to_string(program.pid()) + "/exe";
  for (int i = 0; i < 500 && std::filesystem::read_symlink(exe) != mounted + "/sleep"; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // what it reads at its start
  server.Stop();
  const std::string file = directory_.File("hung.pagesnap");
  const CommandResult capture = RunCommand({"timeout", "-s", "KILL", "20", BuiltProgram("capture"),
                                            "-p", std::to_string(program.pid()), "-o", file});
  server.Continue();
  EXPECT_EQ(capture.exit_code, 0) << capture.err;
  const auto rows =
      AnalyzeRows({"sql", file, "SELECT build_id FROM file WHERE path LIKE '%/mounted/sleep'"});
  ASSERT_FALSE(rows.empty());
  EXPECT_TRUE(rows[0].at("build_id").is_null());
  program.Signal(SIGKILL);
}

}  // namespace
}  // namespace pagesnap
