// Comparing what this kernel's processes have, as a user does.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "lib/base/error.h"
#include "tests/live/comparison_testing.h"
#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

using ::testing::HasSubstr;

std::string MapsOf(pid_t pid) {
  std::stringstream text;
  text << std::ifstream("/proc/" + std::to_string(pid) + "/maps").rdbuf();
  return text.str();
}

// Returns the path of a library that this test itself uses.
std::string SomeLibrary() {
  std::istringstream maps(MapsOf(getpid()));
  for (std::string line; std::getline(maps, line);) {
    const size_t path = line.find('/');
    if (path != std::string::npos && line.find("libstdc++.so") != std::string::npos) {
      return line.substr(path);
    }
  }
  throw Error("this test uses no shared libstdc++");
}

class LiveDiffTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
    std::filesystem::copy_file(SomeLibrary(), library_);
  }

  // Captures a new process of a program with a library, and returns its maps.
  std::string CaptureRun(const std::string& file) {
    ChildProcess child({"env", "LD_PRELOAD=" + library_, "sh", "-c", "echo ready; read line"});
    if (child.ReadLine() != "ready") throw Error("sh did not start");
    CaptureProcesses({child.pid()}, file);
    return MapsOf(child.pid());
  }

  // Writes the library as another build would be: with another build ID, and longer.
  void WriteOtherBuild(const std::string& path) {
    std::ifstream in(library_, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), {}};
    constexpr std::string_view kNote("\3\0\0\0GNU\0", 8);  // type and name of NT_GNU_BUILD_ID
    const size_t note = bytes.find(kNote);
    if (note == std::string::npos) throw Error(library_ + " has no build ID");
    bytes[note + kNote.size()] ^= 1;
    std::ofstream(path, std::ios::binary) << bytes << '\n';
  }

  TemporaryDirectory directory_;
  std::string library_ = directory_.File("libswap.so");
  std::string before_ = directory_.File("before.pagesnap");
  std::string after_ = directory_.File("after.pagesnap");
};

TEST_F(LiveDiffTest, EveryFileOfAnotherRunIsMatched) {
  const std::string maps = CaptureRun(before_);
  ASSERT_NE(CaptureRun(after_), maps) << "addresses are not random here";
  const nlohmann::json processes = AnalyzeRows({"diff-processes", before_, after_});
  ASSERT_EQ(processes.size(), 1);
  EXPECT_EQ(processes[0].at("matched"), "arguments");
  std::set<std::string> paths;
  for (const auto& row : AnalyzeRows({"diff-maps", "--all", before_, after_})) {
    const std::string path = row.at("path");
    if (!path.starts_with('/')) continue;
    paths.insert(path);
    EXPECT_EQ(row.at("matched"), "path") << row;
    EXPECT_EQ(row.at("virtual_kib"), 0) << row;
  }
  EXPECT_GE(paths.size(), 4) << "sh, libc, ld and the library";
  ExpectComparisonRules(before_, after_);
}

TEST_F(LiveDiffTest, ALibraryOfAnotherBuildShows) {
  CaptureRun(before_);
  // As packages are installed: a new file takes the name, while the old one is still there.
  WriteOtherBuild(directory_.File("new"));
  std::filesystem::rename(directory_.File("new"), library_);
  CaptureRun(after_);
  int replaced = 0;
  for (const auto& row : AnalyzeRows({"diff-maps", "--all", before_, after_})) {
    const std::string path = row.at("path");
    if (!path.starts_with('/')) continue;
    const bool is_library = path == library_;
    EXPECT_EQ(row.at("matched"), is_library ? "replaced" : "path") << row;
    replaced += is_library;
  }
  EXPECT_GE(replaced, 4);
  EXPECT_THAT(RunAnalyze({"diff", before_, after_}).out, HasSubstr("replaced"));
}

// The same build under another inode, as in a new container of the same image.
TEST_F(LiveDiffTest, ACopyOfALibraryIsTheSameFile) {
  CaptureRun(before_);
  std::filesystem::copy_file(library_, directory_.File("new"));
  std::filesystem::last_write_time(directory_.File("new"),
                                   std::filesystem::last_write_time(library_));
  std::filesystem::rename(directory_.File("new"), library_);
  CaptureRun(after_);
  for (const auto& row : AnalyzeRows({"diff-maps", "--all", before_, after_})) {
    if (row.at("path") != library_) continue;
    EXPECT_EQ(row.at("matched"), "path") << row;
  }
}

TEST_F(LiveDiffTest, ExitCodes) {
  CaptureRun(before_);
  CaptureRun(after_);
  auto exit_code = [&](const std::string& expression) {
    return RunAnalyze({"diff", before_, after_, "--fail-if", expression}).exit_code;
  };
  EXPECT_EQ(exit_code("after_rss_kib > 0"), 4);
  EXPECT_EQ(exit_code("rss_kib > 100000"), 0);
  EXPECT_EQ(exit_code("rss_kb > 1"), 2);
  EXPECT_EQ(exit_code("rss_kib >"), 2);
}

}  // namespace
}  // namespace pagesnap
