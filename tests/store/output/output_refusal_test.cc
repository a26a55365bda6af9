// Where no file can be written it is said at once; and who owns one that is.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "lib/store/output/output_file.h"
#include "tests/store/output/output_file_testing.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/faulty_file_calls.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class OutputRefusalTest : public testing::Test {
 protected:
  TestFolder folder_;
  std::string path_ = folder_.File("out");
  FaultyFileCalls calls_;
};

TEST_F(OutputRefusalTest, ALinkThatFailsInTheEndIsReplacedByACopy) {
  {
    OutputFile file(path_, {}, calls_);
    Write(file, "new");
    calls_.has_link_unnamed = false;
    calls_.link_unnamed_errno = EPERM;
    EXPECT_EQ(file.Publish(/*more=*/false), 3u);
  }
  EXPECT_EQ(TextOf(path_), "new");
  EXPECT_THAT(folder_.Names(), ElementsAre("out"));
}

// A file could get a free name only by a call that may replace another's.
TEST_F(OutputRefusalTest, WithoutAnyCallForAFreeNameItIsRefusedAtOnce) {
  calls_.has_unnamed = false;
  calls_.has_noreplace = false;
  calls_.has_exchange = false;
  calls_.has_link = false;
  EXPECT_THAT(ErrorOf([&] { OutputFile(path_, {.series = true}, calls_); }),
              HasSubstr(": a series cannot be written here"));
  EXPECT_THAT(ErrorOf([&] { OutputFile(path_, {}, calls_); }), HasSubstr("give --force"));
  EXPECT_THAT(folder_.Names(), IsEmpty());
  {
    OutputFile file(path_, {.overwrite = true}, calls_);
    Write(file, "new");
    file.Publish(/*more=*/false);
  }
  EXPECT_EQ(TextOf(path_), "new");
  EXPECT_THAT(folder_.Names(), ElementsAre("out"));
}

TEST_F(OutputRefusalTest, ALongNameIsRefused) {
  const std::string name(256, 'x');
  EXPECT_EQ(
      ErrorOf([&] { OutputFile(folder_.File(name), {}, calls_); }),
      folder_.File(name) +
          ": its name has 256 bytes, and this file system takes 255 at most; give a shorter one");
  OutputFile longest(folder_.File(name.substr(1)), {.series = true}, calls_);
  longest.Publish(/*more=*/true);
  longest.Publish(/*more=*/true);
  EXPECT_THAT(folder_.Names(), ElementsAre(name.substr(1)));
}

TEST_F(OutputRefusalTest, AStickyFolderKeepsFilesOfOthers) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  std::ofstream(path_) << "root's";
  ASSERT_EQ(chmod(folder_.path().c_str(), 01777), 0);
  ASSERT_EQ(seteuid(65534), 0);
  const std::string message = ErrorOf([&] { OutputFile(path_, {.overwrite = true}, calls_); });
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_EQ(message, path_ +
                         " cannot be replaced: it belongs to another user, and its folder is "
                         "sticky; give another name");
}

// What the caller of sudo could not have written is not given to that user.
TEST_F(OutputRefusalTest, TheOwnerGetsItWhereItCouldHaveMadeIt) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  struct Case {
    mode_t mode;
    uid_t folder_uid;
    gid_t folder_gid;
    bool given;
  };
  const FileOwner owner = {.uid = 1234, .gid = 2345, .groups = {3456}};
  for (const Case& c : {Case{0755, 0, 0, false},
                        {0777, 0, 0, true},
                        {01777, 0, 0, true},
                        {0700, 1234, 0, true},
                        {0770, 0, 2345, true},
                        {0770, 0, 3456, true},
                        {0770, 0, 4567, false},
                        {0707, 0, 3456, false},
                        {0766, 0, 3456, false}}) {
    SCOPED_TRACE(testing::Message() << std::oct << c.mode << " " << c.folder_gid);
    const std::string folder = folder_.File("given");
    chmod(folder_.path().c_str(), 0755);
    std::filesystem::create_directory(folder);
    ASSERT_EQ(chown(folder.c_str(), c.folder_uid, c.folder_gid), 0);
    ASSERT_EQ(chmod(folder.c_str(), c.mode), 0);
    OutputFile file(folder + "/out", {.owner = owner}, calls_);
    EXPECT_EQ(file.TakeNote() == "", c.given);
    file.Publish(/*more=*/false);
    struct stat status = {};
    stat((folder + "/out").c_str(), &status);
    EXPECT_EQ(status.st_uid, c.given ? 1234u : 0u);
    EXPECT_EQ(status.st_gid, c.given ? 2345u : 0u);
    std::filesystem::remove_all(folder);
  }
}

TEST_F(OutputRefusalTest, AFolderOutOfReachOfTheOwner) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const std::string folder = folder_.File("given");
  std::filesystem::create_directory(folder);
  chmod(folder.c_str(), 0777);
  chmod(folder_.path().c_str(), 0700);
  OutputFile file(folder + "/out", {.owner = FileOwner{1234, 2345, {}}}, calls_);
  EXPECT_THAT(file.TakeNote(), HasSubstr("stays with user 0 and is not given to user 1234"));
}

TEST_F(OutputRefusalTest, ANearlyFullDiskIsRefusedAtOnce) {
  calls_.size_bytes = 1000 << 20;
  calls_.free_bytes = 40 << 20;
  EXPECT_EQ(ErrorOf([&] { OutputFile(path_, {}, calls_); }),
            path_ +
                ": no space left to write it: 40.0 MiB of the 1000.0 MiB in its file system "
                "are free, and 5 % stay free; free some, or write it elsewhere");
  EXPECT_THAT(folder_.Names(), IsEmpty());
}

}  // namespace
}  // namespace pagesnap
