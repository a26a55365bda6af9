// Who called sudo, and which groups that user's shell has.
#include "capture/sudo_caller.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/support/fake_reader.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SudoCallerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "sudo gives root's rights";
    setenv("SUDO_UID", "1000", 1);
    setenv("SUDO_GID", "100", 1);
  }
  void TearDown() override {
    unsetenv("SUDO_UID");
    unsetenv("SUDO_GID");
  }
  void AddProcess(pid_t pid, pid_t parent, uid_t uid, const std::string& groups) {
    reader_.AddText(
        fmt::format("proc/{}/status", pid),
        fmt::format("Name:\tx\nPPid:\t{}\nUid:\t{}\t0\t0\t0\nGid:\t7\t7\t7\t7\nGroups:\t{} \nx:\n",
                    parent, uid, groups));
  }
  FakeReader reader_;
};

TEST_F(SudoCallerTest, HasTheGroupsOfItsShell) {
  AddProcess(getppid(), 20, 0, "0");    // sudo
  AddProcess(20, 10, 1000, "24 27");    // the shell
  AddProcess(10, 1, 1000, "24 27 99");  // what it runs in
  const std::optional<FileOwner> caller = SudoCaller(reader_);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->uid, 1000u);
  EXPECT_EQ(caller->gid, 100u);
  EXPECT_THAT(caller->groups, ElementsAre(24, 27));
}

TEST_F(SudoCallerTest, WithoutAShellItHasNoGroups) {
  AddProcess(getppid(), 1, 0, "0 5");
  AddProcess(1, 0, 0, "");
  EXPECT_THAT(SudoCaller(reader_)->groups, IsEmpty());
  reader_.Remove("proc");
  EXPECT_THAT(SudoCaller(reader_)->groups, IsEmpty());
}

TEST_F(SudoCallerTest, ALoopOfParentsEnds) {
  AddProcess(getppid(), 20, 0, "0");
  AddProcess(20, 20, 0, "0");
  EXPECT_THAT(SudoCaller(reader_)->groups, IsEmpty());
}

TEST_F(SudoCallerTest, RootIsNoCaller) {
  setenv("SUDO_UID", "0", 1);
  EXPECT_FALSE(SudoCaller(reader_));
  unsetenv("SUDO_UID");
  EXPECT_FALSE(SudoCaller(reader_));
}

}  // namespace
}  // namespace pagesnap
