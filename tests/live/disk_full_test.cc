// A disk that is full at any write: one sentence, and nothing is left but what was complete before.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "tests/live/life_testing.h"
#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

constexpr int kSizes = 20;

// A file system of some pages, unmounted however the test ends.
class TinyDisk {
 public:
  TinyDisk() {
    std::filesystem::create_directory(path_);
    undo_ = std::make_unique<Undo>(
        [this] { return umount2(path_.c_str(), MNT_DETACH) == 0 || errno == EINVAL; });
    mounted_ = mount("none", path_.c_str(), "tmpfs", 0, "size=4k") == 0;
  }
  [[nodiscard]] bool mounted() const { return mounted_; }
  [[nodiscard]] std::string File(const std::string& name) const { return path_ + "/" + name; }
  // Empties it and sets how much it can hold.
  void Reset(uint64_t pages) const {
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      std::filesystem::remove(entry.path());
    }
    const std::string options = fmt::format("size={}k", pages * kPageSize / 1024);
    ASSERT_EQ(mount("none", path_.c_str(), "tmpfs", MS_REMOUNT, options.c_str()), 0);
  }
  [[nodiscard]] std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

 private:
  TemporaryDirectory directory_;
  std::string path_ = directory_.File("disk");
  std::unique_ptr<Undo> undo_;
  bool mounted_ = false;
};

class DiskFullTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can mount a small disk";
    if (!disk_.mounted()) GTEST_SKIP() << "no tmpfs can be mounted here";
    target_.process().Stop();
  }

  // Pages of a file with `count` snapshots of the target.
  uint64_t FilePages(int count) {
    TemporaryDirectory directory;
    const std::string file = directory.File("out.pagesnap");
    Job capture(CaptureCommand({"-p", target_.pid_text(), "-o", file, "--interval", "0.001",
                                "--count", std::to_string(count)}));
    EXPECT_EQ(capture.Wait(), 0) << capture.err();
    return (std::filesystem::file_size(file) + kPageSize - 1) / kPageSize;
  }

  TinyDisk disk_;
  std::string file_ = disk_.File("out.pagesnap");
  // Scattered frames take bytes, so that the file has a page for each size and more.
  LifeTarget target_{"scattered", 192};
};

TEST_F(DiskFullTest, AtAnyWriteOfOneSnapshot) {
  const uint64_t pages = FilePages(1);
  ASSERT_GE(pages, uint64_t{kSizes} + 4);
  for (int i = 0; i < kSizes; ++i) {
    const uint64_t size = 1 + (pages - 4) * i / kSizes;
    SCOPED_TRACE(size);
    disk_.Reset(size);
    Job capture(CaptureCommand({"-p", target_.pid_text(), "-o", file_}));
    EXPECT_EQ(capture.Wait(), 1);
    EXPECT_THAT(capture.err(),
                MatchesRegex(fmt::format("capture: {}: no space left to write it[^\n]*\n", file_)));
    EXPECT_EQ(capture.out(), "");
    EXPECT_THAT(disk_.Names(), IsEmpty());
  }
  disk_.Reset(pages + pages / 19 + 3);  // 5 % stay free
  Job capture(CaptureCommand({"-p", target_.pid_text(), "-o", file_}));
  EXPECT_EQ(capture.Wait(), 0) << capture.err();
}

// The series keeps what it has while the next snapshot is written beside it.
TEST_F(DiskFullTest, AtAnyWriteOfTheSecondSnapshot) {
  const uint64_t one = FilePages(1);
  const uint64_t two = FilePages(2);
  int kept_count = 0;
  for (int i = 0; i < kSizes; ++i) {
    const uint64_t size = one + two * 2 * i / kSizes;
    SCOPED_TRACE(size);
    disk_.Reset(size);
    Job capture(CaptureCommand(
        {"-p", target_.pid_text(), "-o", file_, "--interval", "0.001", "--count", "2"}));
    const std::optional<int> code = capture.Wait();
    ASSERT_THAT(code, AnyOf(0, 1, 3)) << capture.err();
    if (code == 1) {
      EXPECT_THAT(disk_.Names(), IsEmpty());
      EXPECT_THAT(capture.err(), MatchesRegex("capture: [^\n]*space left[^\n]*\n"));
    } else {
      EXPECT_THAT(disk_.Names(), ElementsAre("out.pagesnap"));
      ExpectSound(file_);
      EXPECT_EQ(QueryValue(file_, "SELECT COUNT(*) FROM snapshot"), code == 0 ? 2 : 1);
    }
    if (code == 3) {
      ++kept_count;
      EXPECT_THAT(
          capture.err(),
          MatchesRegex("capture: the series ends after 1 snapshot: [^\n]*space left[^\n]*\n"));
    }
  }
  EXPECT_GT(kept_count, 0);
}

}  // namespace
}  // namespace pagesnap
