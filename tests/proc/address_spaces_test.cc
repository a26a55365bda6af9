// Which processes share one address space, and where the kernel can be asked.
#include "lib/proc/address_spaces.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "lib/proc/directory_reader.h"
#include "lib/proc/own_pids.h"
#include "tests/support/fake_reader.h"

namespace pagesnap {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST(OwnPidsTest, WhetherPidsAreOurs) {
  FakeReader reader;
  EXPECT_FALSE(ShowsOwnPids(reader, 30));  // a recorded tree
  reader.AddText("proc/self/status", "Name:\tNSpid:\nPid:\t30\nNSpid:\t30\n");
  EXPECT_TRUE(ShowsOwnPids(reader, 30));
  EXPECT_FALSE(ShowsOwnPids(reader, 31));
  // This /proc is of a namespace above ours, where we have another number, or the same by chance.
  reader.AddText("proc/self/status", "Name:\tx\nPid:\t30\nNSpid:\t30\t30\n");
  EXPECT_FALSE(ShowsOwnPids(reader, 30));
  // Before 4.1.
  reader.AddText("proc/self/status", "Name:\tx\nPid:\t30\nPPid:\t1\n");
  EXPECT_TRUE(ShowsOwnPids(reader, 30));
}

class AddressSpacesTest : public testing::Test {
 protected:
  // A process that the fake kernel knows. `stack` stands for all of the image.
  ProcessStat Process(int32_t pid, uint64_t space, uint64_t stack = 4096) {
    const std::string text = fmt::format(
        "{} (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0 0 4096 8192 {} 0 0 0 0\n", pid,
        stack);
    reader_.AddText(fmt::format("proc/{}/stat", pid), text);
    reader_.SetSpace(pid, space);
    return ParseProcessStat(text);
  }

  FakeReader reader_;
  AddressSpaces spaces_{reader_};
};

TEST_F(AddressSpacesTest, ForksAreApartAndSharersTogether) {
  for (int32_t pid = 100; pid < 200; ++pid) {
    spaces_.Add(Process(pid, 1 + static_cast<uint64_t>(pid * 37) % 50));
  }
  EXPECT_EQ(spaces_.Shared().size(), 50U);
  EXPECT_THAT(spaces_.Shared(), testing::Each(testing::SizeIs(2)));
  EXPECT_EQ(spaces_.unknown_count(), 0U);
  EXPECT_LE(reader_.compare_count(), 700U);
}

TEST_F(AddressSpacesTest, OnlyEqualImagesAreCompared) {
  for (int32_t pid = 100; pid < 200; ++pid) {
    spaces_.Add(Process(pid, 1 + static_cast<uint64_t>(pid), static_cast<uint64_t>(pid)));
  }
  EXPECT_EQ(reader_.compare_count(), 0U);
  EXPECT_THAT(spaces_.Shared(), IsEmpty());
}

TEST_F(AddressSpacesTest, OthersMatterOnlyAsSharers) {
  spaces_.Add(Process(100, 7));
  spaces_.AddSharer(Process(101, 8));
  spaces_.AddSharer(Process(102, 8));
  spaces_.AddSharer(Process(103, 7));
  EXPECT_THAT(spaces_.Shared(), ElementsAre(ElementsAre(100, 103)));
}

TEST_F(AddressSpacesTest, KernelThreadsAndTheEndedShareNothing) {
  for (int32_t pid : {100, 101, 102, 103}) {
    ProcessStat stat = Process(pid, 0);
    if (pid < 102) stat.kernel_thread = true;
    if (pid >= 102) stat.state = 'Z';
    spaces_.Add(stat);
  }
  // These lose theirs before they are compared.
  for (int32_t pid : {104, 105}) {
    const ProcessStat stat = Process(pid, 0);
    reader_.AddText(
        fmt::format("proc/{}/stat", pid),
        fmt::format("{} (x) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0 0 0\n", pid));
    spaces_.Add(stat);
  }
  EXPECT_THAT(spaces_.Shared(), IsEmpty());
  EXPECT_EQ(spaces_.unknown_count(), 0U);
}

TEST_F(AddressSpacesTest, WhatEndsMeanwhileIsLeftOut) {
  spaces_.Add(Process(100, 5));
  reader_.Remove("proc/100");
  spaces_.Add(Process(101, 6));
  const ProcessStat gone = Process(102, 6);
  reader_.Remove("proc/102");
  spaces_.Add(gone);
  spaces_.Add(Process(103, 6));
  EXPECT_THAT(spaces_.Shared(), ElementsAre(ElementsAre(101, 103)));
  EXPECT_EQ(spaces_.unknown_count(), 0U);
}

TEST_F(AddressSpacesTest, WithoutPermissionItIsUnknown) {
  ProcessStat hidden = Process(100, 5);
  hidden.image = {1, 1, 0};
  spaces_.Add(hidden);
  EXPECT_EQ(spaces_.unknown_count(), 1U);
  ProcessStat leaderless = Process(101, 5);
  leaderless.state = 'Z';
  leaderless.thread_count = 2;
  spaces_.Add(leaderless);
  EXPECT_EQ(spaces_.unknown_count(), 2U);
  EXPECT_EQ(reader_.compare_count(), 0U);
}

TEST(AddressSpacesOfAFakeTest, NobodyCompares) {
  FakeReader reader;
  AddressSpaces spaces(reader);
  ProcessStat stat;
  stat.image = {4096, 8192, 4096};
  for (stat.pid = 5; stat.pid < 7; ++stat.pid) spaces.Add(stat);
  EXPECT_EQ(spaces.unknown_count(), 1U);
  EXPECT_THAT(spaces.Shared(), IsEmpty());
}

// Starts a child that waits for a signal, with the address space of this process or a copy.
pid_t StartChild(bool shares) {
  static char stack[65536];
  auto wait = [](void*) -> int {
    for (;;) syscall(SYS_pause);
  };
  return clone(wait, stack + sizeof stack, SIGCHLD | (shares ? CLONE_VM : 0), nullptr);
}

TEST(AddressSpacesOfThisKernelTest, AForkIsApartAndACloneIsNot) {
  DirectoryReader reader("/");
  if (reader.CompareSpaces(getpid(), getpid()) != SpaceOrder::kSame) {
    GTEST_SKIP() << "kcmp(2) is not permitted, or the kernel has none";
  }
  const pid_t sharer = StartChild(/*shares=*/true);
  const pid_t fork = StartChild(/*shares=*/false);
  AddressSpaces spaces(reader);
  for (const pid_t pid : {getpid(), fork, sharer}) {
    spaces.Add(ParseProcessStat(ReadWholeText(reader, fmt::format("proc/{}/stat", pid))));
  }
  for (const pid_t pid : {sharer, fork}) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  EXPECT_THAT(spaces.Shared(), ElementsAre(UnorderedElementsAre(getpid(), sharer)));
  EXPECT_EQ(spaces.unknown_count(), 0U);
  EXPECT_EQ(reader.CompareSpaces(getpid(), sharer), SpaceOrder::kGone);
}

TEST(AddressSpacesOfThisKernelTest, OtherTreesAreUnknown) {
  DirectoryReader reader("/tmp");
  EXPECT_EQ(reader.CompareSpaces(getpid(), getpid()), SpaceOrder::kUnknown);
}

}  // namespace
}  // namespace pagesnap
