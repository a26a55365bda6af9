// The capture program around its engine: the output file, the closing line, the exit code.
#include "capture/run.h"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "tests/support/captured_snapshot.h"
#include "tests/support/faulty_reader.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

class RunTest : public testing::Test {
 protected:
  RunTest() { FillSampleMachine(machine_); }

  CaptureOptions Options(const std::string& name) const {
    CaptureOptions options;
    options.request = AllProcesses();
    options.output = folder_.File(name);
    options.quiet = true;
    return options;
  }
  // Returns the message of the Error that capturing ends with.
  std::string Message(const CaptureOptions& options) {
    try {
      RunCapture(options, machine_.reader());
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  // A process whose random frames make a file of over 1 MiB.
  void MakeLarge() {
    std::mt19937_64 random(1);
    std::vector<uint64_t> pages(500000);
    for (uint64_t& page : pages) page = Present(random() % 0x40000);
    machine_.AddProcess({.pid = 500, .mappings = {{.start = 0x10000000, .pages = pages}}});
  }
  static std::string Printed(const CaptureOptions& options, ProcReader& reader) {
    testing::internal::CaptureStdout();
    RunCapture(options, reader);
    fflush(stdout);
    return testing::internal::GetCapturedStdout();
  }

  TestFolder folder_;
  MachineTree machine_;
};

struct stat StatusOf(const std::string& path) {
  struct stat status = {};
  stat(path.c_str(), &status);
  return status;
}

TEST_F(RunTest, TheClosingLineSaysWhatMoved) {
  CaptureOptions options = Options("a");
  options.quiet = false;
  const std::string still = Printed(options, machine_.reader());
  EXPECT_THAT(still, testing::Not(testing::ContainsRegex("meanwhile|torn")));
  constexpr uint64_t kFree = uint64_t{1} << 10;  // BUDDY: nobody maps it any more
  machine_.AddFrames(0x702, 1, kFree, 0, 0);
  machine_.AddProcess({.pid = 500, .mappings = {{.pages = PresentRun(0x702, 1)}}});
  machine_.reader().SetOnAccess([&](const std::string& path) {
    if (path == "proc/101/pagemap") machine_.reader().Remove("proc/101");
  });
  options.output = folder_.File("b");
  EXPECT_THAT(Printed(options, machine_.reader()),
              HasSubstr("; 1 process ended meanwhile; 1 torn frame"));
}

TEST_F(RunTest, TheFileIsForItsOwnerOnly) {
  for (const mode_t mask : {0, 077, 0777}) {
    const mode_t before = umask(mask);
    CaptureOptions options = Options("a");
    options.force = true;
    RunCapture(options, machine_.reader());
    umask(before);
    EXPECT_EQ(StatusOf(options.output).st_mode & 07777, 0600) << mask;
  }
}

TEST_F(RunTest, AnExistingFileIsKeptUnlessForced) {
  CaptureOptions options = Options("a");
  std::ofstream(options.output) << "mine";
  EXPECT_EQ(Message(options),
            options.output + " exists already; give another name, or --force to replace it");
  EXPECT_EQ(std::filesystem::file_size(options.output), 4);
  options.force = true;
  EXPECT_EQ(RunCapture(options, machine_.reader()), kExitOk);
  EXPECT_THAT(QueryRows(Session(options.output).database(), "SELECT COUNT(*) FROM process"),
              ElementsAre("4"));
  EXPECT_THAT(folder_.Names(), ElementsAre("a"));
}

TEST_F(RunTest, AFileThatAppearsMeanwhileIsKept) {
  const CaptureOptions options = Options("a");
  machine_.reader().SetOnAccess([&](const std::string& path) {
    if (path == "proc/meminfo") std::ofstream(options.output) << "mine";
  });
  EXPECT_EQ(Message(options), options.output + ": cannot give the file its name: File exists");
  EXPECT_EQ(std::filesystem::file_size(options.output), 4);
  EXPECT_THAT(folder_.Names(), ElementsAre("a"));
}

TEST_F(RunTest, ForceKeepsTheOldFileUntilTheNewOneIsWhole) {
  CaptureOptions options = Options("a");
  options.force = true;
  options.request = ProcessesWithPid({77});
  std::ofstream(options.output) << "mine";
  EXPECT_EQ(Message(options), "there is no process 77; nothing was captured");
  EXPECT_EQ(std::filesystem::file_size(options.output), 4);
  EXPECT_THAT(folder_.Names(), ElementsAre("a"));
}

TEST_F(RunTest, NoHiddenFileIsLeftWhenTheNameCannotBeReplaced) {
  CaptureOptions options = Options("a");
  options.force = true;
  machine_.reader().SetOnAccess([&](const std::string& path) {
    if (path == "proc/meminfo") std::filesystem::create_directory(options.output);
  });
  EXPECT_EQ(Message(options), options.output + ": cannot give the file its name: Is a directory");
  EXPECT_THAT(folder_.Names(), ElementsAre("a"));
}

TEST_F(RunTest, AFolderIsNoOutput) {
  CaptureOptions options = Options("a");
  std::filesystem::create_directory(options.output);
  options.force = true;
  EXPECT_EQ(Message(options), options.output + " is a directory; give the name of a file in it");
  options.output += "/";
  EXPECT_EQ(Message(options), options.output + " names a directory; give the name of a file in it");
}

TEST_F(RunTest, TheFolderMustExist) {
  EXPECT_EQ(Message(Options("b/a")), folder_.File("b/a") + ": its folder " + folder_.File("b/") +
                                         " does not exist; create it first");
  EXPECT_THAT(folder_.Names(), IsEmpty());
}

TEST_F(RunTest, TheFolderMustBeWritable) {
  chmod(folder_.path().c_str(), 0500);
  // Root may write everywhere; as someone else it may not.
  const uid_t user = geteuid();
  ASSERT_EQ(seteuid(user == 0 ? 65534 : user), 0);
  const std::string message = Message(Options("a"));
  ASSERT_EQ(seteuid(user), 0);
  chmod(folder_.path().c_str(), 0700);
  EXPECT_EQ(message, folder_.File("a") + ": cannot create a file in " + folder_.File("") +
                         ": Permission denied");
}

TEST_F(RunTest, AFailedCaptureLeavesNothingBehind) {
  CaptureOptions options = Options("a");
  options.request = ProcessesWithPid({77});
  EXPECT_EQ(Message(options), "there is no process 77; nothing was captured");
  EXPECT_THAT(folder_.Names(), IsEmpty());
}

// A file system of its own, unmounted in any case.
class TinyDisk {
 public:
  TinyDisk(const std::string& path, const char* options) : path_(path) {
    std::filesystem::create_directory(path_);
    mounted_ = mount("none", path_.c_str(), "tmpfs", 0, options) == 0;
  }
  ~TinyDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }
  TinyDisk(const TinyDisk&) = delete;
  TinyDisk& operator=(const TinyDisk&) = delete;
  [[nodiscard]] bool mounted() const { return mounted_; }

 private:
  std::string path_;
  bool mounted_;
};

TEST_F(RunTest, FullDisk) {
  const TinyDisk disk(folder_.File("disk"), "size=128k");
  if (!disk.mounted()) GTEST_SKIP() << "only root can mount a small disk";
  MakeLarge();
  EXPECT_THAT(Message(Options("disk/a")),
              MatchesRegex(folder_.File("disk/a") +
                           ": no space left to write it: [0-9.]+ KiB of the 128.0 KiB in its file "
                           "system are free, and 5 % stay free; free some, or write it elsewhere"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.File("disk")));
}

TEST_F(RunTest, FileSizeLimit) {
  MakeLarge();
  const CaptureOptions options = Options("a");
  const pid_t child = fork();
  if (child == 0) {
    const rlimit limit = {100000, 100000};
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);  // as main() does
    _exit(Message(options) == options.output +
                                  ": File too large; raise the limit on the size of files "
                                  "(ulimit -f), or write it elsewhere"
              ? 42
              : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42) << status;
  EXPECT_THAT(folder_.Names(), IsEmpty());
}

// SUDO_UID and SUDO_GID as long as this object lives.
class SudoVariables {
 public:
  SudoVariables(const char* uid, const char* gid) {
    setenv("SUDO_UID", uid, 1);
    setenv("SUDO_GID", gid, 1);
  }
  ~SudoVariables() {
    unsetenv("SUDO_UID");
    unsetenv("SUDO_GID");
  }
  SudoVariables(const SudoVariables&) = delete;
  SudoVariables& operator=(const SudoVariables&) = delete;
};

TEST_F(RunTest, UnderSudoTheFileBelongsToTheCallerWhereItCouldWrite) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const SudoVariables variables("1234", "2345");
  CaptureOptions options = Options("a");
  options.quiet = false;
  testing::internal::CaptureStderr();
  Printed(options, machine_.reader());
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "capture: note: " + options.output +
                " stays with user 0 and is not given to user 1234: that user could not write it "
                "there\n");
  EXPECT_EQ(StatusOf(options.output).st_uid, 0);
  chmod(folder_.path().c_str(), 01777);
  RunCapture(Options("b"), machine_.reader());
  EXPECT_EQ(StatusOf(folder_.File("b")).st_uid, 1234);
  EXPECT_EQ(StatusOf(folder_.File("b")).st_gid, 2345);
}

TEST_F(RunTest, IdsThatAreNoneAreRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "sudo gives root's rights";
  for (const char* id : {"4294967296", "4294967295", "12x", "-1", ""}) {
    const SudoVariables variables(id, "1");
    EXPECT_EQ(Message(Options("a")),
              "SUDO_UID=" + std::string(id) +
                  " is no user or group id (0 to 4294967294); unset it, or call capture through "
                  "sudo");
  }
  EXPECT_THAT(folder_.Names(), IsEmpty());
}

TEST_F(RunTest, AFileLargerThanMaxSizeIsNotWritten) {
  MakeLarge();
  CaptureOptions options = Options("a");
  options.max_bytes = 1 << 20;
  EXPECT_EQ(Message(options),
            options.output + ": it would become larger than 1.0 MiB (--max-size)");
  EXPECT_THAT(folder_.Names(), IsEmpty());
}

TEST_F(RunTest, ASeriesEndsBeforeMaxSize) {
  CaptureOptions options = Options("a");
  options.max_bytes = 100'000;
  options.interval_ns = 1'000'000;
  testing::internal::CaptureStderr();
  EXPECT_EQ(RunCapture(options, machine_.reader()), kExitWithGaps);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              MatchesRegex("capture: the series ends after [0-9]+ snapshots: .*/a: it would become "
                           "larger than 97.7 KiB \\(--max-size\\)\n"));
  EXPECT_LE(std::filesystem::file_size(options.output), 100'000u);
  EXPECT_GT(std::filesystem::file_size(options.output), 80'000u);
  EXPECT_THAT(QueryRows(Session(options.output).database(), "SELECT COUNT(*) > 1 FROM snapshot"),
              ElementsAre("1"));
}

TEST_F(RunTest, ClosingLine) {
  CaptureOptions options = Options("a");
  options.quiet = false;
  EXPECT_THAT(
      Printed(options, machine_.reader()),
      MatchesRegex(options.output + ": captured 4 processes, 7 mappings, 19 pages, 13 frames in "
                                    "[0-9.]+ (us|ms|s); file [0-9.]+ KiB\n"));
}

TEST_F(RunTest, ClosingLineWithGaps) {
  CaptureOptions options = Options("a");
  options.quiet = false;
  options.request = ProcessesWithPid({101});
  machine_.reader().Remove("proc/kpagecgroup");
  EXPECT_THAT(Printed(options, machine_.reader()),
              MatchesRegex(options.output +
                           ": captured 1 process, 2 mappings, 7 pages, 7 frames in .*; 1 gap "
                           "\\(first: kpagecgroup: No such file or directory\\), see 'analyze "
                           "info .*/a'\n"));
}

TEST_F(RunTest, QuietPrintsNothing) {
  machine_.reader().Remove("proc/kpagecgroup");
  testing::internal::CaptureStderr();
  EXPECT_EQ(Printed(Options("a"), machine_.reader()), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(RunTest, NameThatNobodyHas) {
  CaptureOptions options = Options("a");
  options.request.selection = {};
  options.request.selection.name_globs = {"nobody", "x*"};
  EXPECT_EQ(Message(options),
            "no process is named 'nobody', 'x*', as it stands or as a GLOB; there is "
            "'gone', 'worker', 'server', 'kthreadd'");
  EXPECT_THAT(folder_.Names(), IsEmpty());
}

}  // namespace
}  // namespace pagesnap
