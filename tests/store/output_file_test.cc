// The name of a file that is written: it holds the old file or the new one, and no other name
// stays.
#include "lib/store/output_file.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "lib/base/error.h"
#include "lib/store/kill_guard.h"
#include "tests/support/captured_snapshot.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class OutputFileTest : public testing::Test {
 protected:
  static std::string TextOf(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    const auto folder = std::filesystem::path(path_).parent_path();
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }
  static void Write(const OutputFile& file, const std::string& text) {
    ASSERT_EQ(write(file.fd(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  TestFolder folder_;
  std::string path_ = folder_.File("out");
};

TEST_F(OutputFileTest, ReplacesAFile) {
  std::ofstream(path_) << "old";
  OutputFile file(path_, /*overwrite=*/true, std::nullopt);
  Write(file, "new");
  EXPECT_EQ(TextOf(path_), "old");
  EXPECT_EQ(file.Publish(/*more=*/false), 3u);
  EXPECT_EQ(TextOf(path_), "new");
  EXPECT_THAT(Names(), ElementsAre("out"));
}

TEST_F(OutputFileTest, ReplacesItsOwnFile) {
  OutputFile file(path_, /*overwrite=*/false, std::nullopt);
  Write(file, "one");
  EXPECT_EQ(file.Publish(/*more=*/true), 3u);
  Write(file, ", two");
  EXPECT_EQ(TextOf(path_), "one");
  EXPECT_EQ(file.Publish(/*more=*/true), 8u);
  EXPECT_EQ(TextOf(path_), "one, two");
  EXPECT_THAT(Names(), ElementsAre("out"));
}

TEST_F(OutputFileTest, LeavesAFileThatAppearedMeanwhile) {
  OutputFile file(path_, /*overwrite=*/false, std::nullopt);
  std::ofstream(path_) << "another's";
  EXPECT_THAT(ErrorOf([&] { file.Publish(/*more=*/false); }), HasSubstr("File exists"));
  EXPECT_EQ(TextOf(path_), "another's");
}

TEST_F(OutputFileTest, ReplacesAFileThatAppearedMeanwhileIfItMay) {
  OutputFile file(path_, /*overwrite=*/true, std::nullopt);
  std::ofstream(path_) << "another's";
  Write(file, "new");
  file.Publish(/*more=*/false);
  EXPECT_EQ(TextOf(path_), "new");
  EXPECT_THAT(Names(), ElementsAre("out"));
}

TEST_F(OutputFileTest, AGuardOutlivesItsProcess) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const KillGuard guard(path_);
    std::ofstream(path_) << "in between";
    static_cast<void>(!write(ready[1], "!", 1));
    while (true) pause();
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_EQ(TextOf(path_), "in between");
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  for (int wait = 0; wait < 1000 && std::filesystem::exists(path_); ++wait) usleep(10'000);
  EXPECT_FALSE(std::filesystem::exists(path_));
  close(ready[0]);
  close(ready[1]);
}

TEST_F(OutputFileTest, AGuardLeavesOtherNames) {
  std::ofstream(path_) << "stays";
  { const KillGuard guard(folder_.File("other")); }
  EXPECT_THAT(Names(), ElementsAre("out"));
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a child was left";
}

}  // namespace
}  // namespace pagesnap
