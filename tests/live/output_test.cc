// The output file in any folder: without O_TMPFILE (FUSE), under limits, with closed streams, and
// while others change the folder.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "tests/live/life_testing.h"

namespace pagesnap {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

// A folder seen through FUSE, by bindfs: no O_TMPFILE, no flags of renameat2(2).
class BindMount {
 public:
  BindMount() {
    if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) != 0) return;
    std::filesystem::create_directory(directory_.File("source"));
    std::filesystem::create_directory(path());
    undo_ = std::make_unique<Undo>(
        [this] { return umount2(path().c_str(), MNT_DETACH) == 0 || errno == EINVAL; });
    mounted_ = RunCommand({"sh", "-c", "command -v bindfs"}).exit_code == 0 &&
               RunCommand({"bindfs", directory_.File("source"), path()}).exit_code == 0;
  }
  [[nodiscard]] bool mounted() const { return mounted_; }
  [[nodiscard]] std::string path() const { return directory_.File("mount"); }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<Undo> undo_;
  bool mounted_ = false;
};

class OutputTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "other processes' memory is for root alone";
  }
  // Runs capture of the target by a shell, so that it can be redirected.
  CommandResult Shell(const std::string& arguments) const {
    return RunCommand({"sh", "-c",
                       fmt::format("cd {}; {} -p {} {}", directory_.path(), BuiltProgram("capture"),
                                   target_.pid(), arguments)});
  }

  TemporaryDirectory directory_;
  std::string file_ = directory_.File("out.pagesnap");
  LifeTarget target_{"count", 20};
};

TEST_F(OutputTest, ClosedStreamsDoNotEndUpInTheFile) {
  for (const char* closed : {"<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"}) {
    SCOPED_TRACE(closed);
    EXPECT_EQ(Shell(fmt::format("-o out.pagesnap {}", closed)).exit_code, 0);
    ExpectSound(file_);
    std::filesystem::remove(file_);
  }
}

TEST_F(OutputTest, AClosedStreamIsNoOutput) {
  const CommandResult result = Shell("-o - >&-");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, MatchesRegex("capture: standard output is closed or not open[^\n]*\n"));
}

TEST_F(OutputTest, WhatCannotBeWrittenIsSaidBeforeAnythingIsRead) {
  const std::string read_only = directory_.File("ro");
  std::filesystem::create_directory(read_only);
  const Undo undo([&] { return umount2(read_only.c_str(), MNT_DETACH) == 0 || errno == EINVAL; });
  ASSERT_EQ(mount("none", read_only.c_str(), "tmpfs", MS_RDONLY, "size=4k"), 0);
  // Were a process looked for first, the message would be that there is none.
  for (const auto& [output, message] : std::vector<std::pair<std::string, std::string>>{
           {"ro/x", "cannot create a file in ro/: Read-only file system"},
           {"/proc/x", "cannot create a file in /proc/: "},
           {std::string(300, 'x'), "its name has 300 bytes"},
           {"none/x", "its folder none/ does not exist"},
           {"ro/x --interval 1", "Read-only file system"}}) {
    const CommandResult result =
        RunCommand({"sh", "-c",
                    fmt::format("cd {}; {} -p 2147483647 -o {}", directory_.path(),
                                BuiltProgram("capture"), output)});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr(message));
    EXPECT_THAT(result.err, MatchesRegex("[^\n]*\n"));
  }
}

TEST_F(OutputTest, ASeriesLeavesAForeignFileAlone) {
  Job capture(CaptureCommand({"-p", target_.pid_text(), "-o", file_, "--interval", "0.05"}));
  ASSERT_TRUE(Await([&] { return std::filesystem::exists(file_); }));
  const std::string foreign = directory_.File("foreign");
  std::ofstream(foreign) << "another's";
  std::filesystem::rename(foreign, file_);
  EXPECT_EQ(capture.Wait(), 3);
  EXPECT_THAT(capture.err(),
              MatchesRegex("capture: the series ends after [0-9]+ snapshots?: .* was replaced or "
                           "removed by another program[^\n]*\n"));
  EXPECT_EQ(ReadFileText(file_), "another's");
  std::filesystem::remove(file_);
  ASSERT_EQ(directory_.Names().size(), 1u);
  ExpectSound(directory_.File(directory_.Names()[0]));
}

TEST_F(OutputTest, AFolderThatBecomesALinkIsNotFollowed) {
  const std::string folder = directory_.File("folder");
  const std::string trap = directory_.File("trap");
  std::filesystem::create_directory(folder);
  std::filesystem::create_directory(trap);
  Job capture(
      CaptureCommand({"-p", target_.pid_text(), "-o", folder + "/out", "--interval", "0.05"}));
  ASSERT_TRUE(Await([&] { return std::filesystem::exists(folder + "/out"); }));
  std::filesystem::rename(folder, directory_.File("moved"));
  std::filesystem::create_symlink(trap, folder);
  EXPECT_TRUE(Await([&] { return !capture.err().empty(); }));
  capture.Signal(SIGINT);
  EXPECT_EQ(capture.Wait(), 0);
  EXPECT_THAT(capture.err(),
              HasSubstr("is written into that one, which is now " + directory_.File("moved")));
  EXPECT_TRUE(std::filesystem::is_empty(trap));
  ExpectSound(directory_.File("moved/out"));
}

class FuseOutputTest : public OutputTest {
 protected:
  void SetUp() override {
    OutputTest::SetUp();
    if (!IsSkipped() && !mount_.mounted()) GTEST_SKIP() << "no bindfs, or no FUSE here";
  }
  // A server keeps a file that was removed while it was open, under a name of its own, until it
  // hears that it is closed.
  std::vector<std::string> Names() {
    auto names = [&] {
      std::vector<std::string> found;
      for (const auto& entry : std::filesystem::directory_iterator(mount_.path())) {
        found.push_back(entry.path().filename());
      }
      std::ranges::sort(found);
      return found;
    };
    Await([&] {
      return std::ranges::none_of(names(), [](const auto& name) { return name[0] == '.'; });
    });
    return names();
  }
  CommandResult Capture(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"-p", target_.pid_text(), "-o", fuse_file_});
    return RunCommand(CaptureCommand(arguments));
  }

  BindMount mount_;
  std::string fuse_file_ = mount_.path() + "/out";
};

TEST_F(FuseOutputTest, NewForcedAndSeries) {
  EXPECT_EQ(Capture({}).exit_code, 0);
  ExpectSound(fuse_file_);
  EXPECT_EQ(Capture({}).exit_code, 1);
  EXPECT_EQ(Capture({"--force"}).exit_code, 0);
  EXPECT_EQ(Capture({"--force", "--interval", "0.001", "--count", "3"}).exit_code, 0);
  ExpectSound(fuse_file_);
  EXPECT_EQ(QueryValue(fuse_file_, "SELECT COUNT(*) FROM snapshot"), 3);
  EXPECT_THAT(Names(), ElementsAre("out"));
}

TEST_F(FuseOutputTest, AFailureLeavesNothing) {
  const CommandResult result = RunCommand(CaptureCommand({"-p", "2147483647", "-o", fuse_file_}));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(Names(), IsEmpty());
}

// Forty kills: of new files, forced ones and series, with and without O_TMPFILE. All 1,000 are in
// tests/trials/kills.sh.
TEST_F(FuseOutputTest, KilledItLeavesNothing) {
  std::mt19937_64 random(1);
  int killed_count = 0;
  for (int i = 0; i < 40; ++i) {
    SCOPED_TRACE(i);
    const std::string folder = i % 2 == 0 ? mount_.path() : directory_.path();
    const std::string file = folder + "/out";
    std::vector<std::string> arguments = {"-q", "-p", target_.pid_text(), "-o", file};
    const int mode = i / 2 % 3;
    if (mode == 1) {
      std::ofstream(file) << "old";
      arguments.emplace_back("--force");
    }
    if (mode == 2) arguments.insert(arguments.end(), {"--interval", "0.001"});
    std::ofstream(folder + "/other") << "another's";
    Job capture(CaptureCommand(arguments));
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 40'000));
    capture.Signal(SIGKILL);
    killed_count += capture.Wait() == 128 + SIGKILL;
    auto hidden_count = [&] {
      return std::ranges::count_if(
          std::filesystem::directory_iterator(folder),
          [](const auto& entry) { return entry.path().filename().string()[0] == '.'; });
    };
    EXPECT_TRUE(Await([&] { return hidden_count() == 0; }));
    EXPECT_EQ(ReadFileText(folder + "/other"), "another's");
    if (!std::filesystem::exists(file)) {
      EXPECT_NE(mode, 1);
    } else if (ReadFileText(file) != "old") {
      ExpectSound(file);
    }
    std::filesystem::remove(file);
    std::filesystem::remove(folder + "/other");
  }
  EXPECT_GT(killed_count, 10);
}

class LimitTest : public OutputTest {};

// Some values; tests/trials/limits.sh takes many.
TEST_F(LimitTest, EndInOneSentence) {
  for (const char* limit : {"-s 64", "-n 5", "-n 20", "-v 10000", "-v 11500", "-v 13000"}) {
    SCOPED_TRACE(limit);
    const CommandResult result =
        RunCommand({"sh", "-c",
                    fmt::format("ulimit {}; exec {} -q -p {} -o {}", limit, BuiltProgram("capture"),
                                target_.pid(), file_)});
    EXPECT_THAT(result.exit_code, AnyOf(0, 1, 127)) << result.err;
    if (result.exit_code == 1) {
      EXPECT_THAT(result.err, MatchesRegex("capture: [^\n]*\n"));
      EXPECT_THAT(result.err, ::testing::Not(HasSubstr("std::")));
    }
    EXPECT_EQ(directory_.Names().size(), result.exit_code == 0 ? 1u : 0u);
    EXPECT_TRUE(target_.Runs());
    std::filesystem::remove(file_);
  }
}

TEST_F(LimitTest, WithoutThreadsItGoesOnAlone) {
  // A user may have as many processes as the limit says, all threads counted; root is not bound.
  const std::string program = directory_.File("capture");
  std::filesystem::copy_file(BuiltProgram("capture"), program);
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0777));
  const CommandResult result = RunCommandAsNobody(
      {"sh", "-c", fmt::format("ulimit -u 1; exec {} --jobs 8 -p $$ -o {}", program, file_)});
  EXPECT_EQ(result.exit_code, 3) << result.err;  // PFNs are hidden
  ExpectSound(file_);
}

}  // namespace
}  // namespace pagesnap
