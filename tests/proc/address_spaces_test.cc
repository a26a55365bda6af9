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

#include "lib/kernel/page_word.h"
#include "lib/proc/directory_reader.h"
#include "lib/proc/own_pids.h"
#include "tests/support/fake_reader.h"
#include "tests/support/faulty_reader.h"

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

// kcmp(2) takes the number of a thread, and stat of that thread shows the image.
TEST_F(AddressSpacesTest, WhereTheFirstThreadHasEndedAnotherIsCompared) {
  Process(160, 5);  // a thread of 150, and of no other number
  ProcessStat leaderless = Process(150, 0);
  leaderless.state = 'Z';
  leaderless.thread_count = 2;
  leaderless.image = {1, 1, 0};
  const std::string ended =
      "150 (x) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 2 0 100 0 0 0 1 1 0 0 0 0 0\n";
  reader_.AddText("proc/150/task/150/stat", ended);
  reader_.AddText("proc/150/task/160/stat", ReadWholeText(reader_, "proc/160/stat"));
  spaces_.Add(leaderless);
  spaces_.Add(Process(151, 6));
  spaces_.Add(Process(152, 5));
  EXPECT_THAT(spaces_.Shared(), ElementsAre(ElementsAre(150, 152)));
  EXPECT_EQ(spaces_.unknown_count(), 0U);
  // As the sharer, too.
  AddressSpaces others(reader_);
  others.Add(Process(152, 5));
  others.AddSharer(leaderless);
  EXPECT_THAT(others.Shared(), ElementsAre(ElementsAre(152, 150)));
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

// Where nobody compares, a page that each of two processes has alone is in one address space.
TEST(AddressSpacesOfAFakeTest, WhatOneAloneMapsTellsWhoShares) {
  constexpr uint64_t kOwn = PageWord::kPresent | PageWord::kMmapExclusive;
  constexpr uint64_t kStackPage = 100;
  FakeReader reader;
  AddressSpaces spaces(reader);
  auto add = [&](int32_t pid, std::vector<uint64_t> words, bool alone = true) {
    ProcessStat stat;
    stat.pid = pid;
    stat.image = {4096, 8192, kStackPage * 4096};
    reader.AddWords(fmt::format("proc/{}/pagemap", pid), kStackPage - 2, words);
    alone ? spaces.Add(stat) : spaces.AddSharer(stat);
  };
  add(5, {PageWord::kPresent | 7, kOwn | 8, 0});
  add(6, {PageWord::kPresent | 7, kOwn | 9, 0});  // a fork that wrote
  add(7, {PageWord::kPresent | 7, kOwn | 8, 0});
  add(8, {PageWord::kPresent | 7, PageWord::kPresent | 8, 0});  // one that did not
  add(9, {0, 0, kOwn | 8});                                     // the frame is elsewhere
  add(10, {0, kOwn | 9, 0}, /*alone=*/false);
  add(11, {0, kOwn | 10, 0}, /*alone=*/false);
  add(12, {0, kOwn | 10, 0}, /*alone=*/false);
  add(13, {0, kOwn, 0});  // PFNs are hidden
  EXPECT_THAT(spaces.Shared(), UnorderedElementsAre(ElementsAre(5, 7), ElementsAre(6, 10)));
  EXPECT_EQ(spaces.unknown_count(), 2U);
  // The frame was given from one to the other.
  reader.AddWords("proc/9/pagemap", kStackPage, {0});
  add(14, {0, 0, kOwn | 8});
  EXPECT_THAT(spaces.Shared(), UnorderedElementsAre(ElementsAre(5, 7), ElementsAre(6, 10)));
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

TEST(AddressSpacesOfThisKernelTest, SharersAreFoundWithoutComparing) {
  DirectoryReader machine("/");
  UncomparedReader reader(machine);
  uint64_t word = 0;
  const auto page = reinterpret_cast<uintptr_t>(&word) / reader.Machine().page_size;
  if (reader.OpenWords("proc/self/pagemap")->Read(page, std::span(&word, 1)) != 1 ||
      PageWord(word).pfn() == 0) {
    GTEST_SKIP() << "PFNs are hidden from this user";
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
}

TEST(AddressSpacesOfThisKernelTest, OtherTreesAreUnknown) {
  DirectoryReader reader("/tmp");
  EXPECT_EQ(reader.CompareSpaces(getpid(), getpid()), SpaceOrder::kUnknown);
}

}  // namespace
}  // namespace pagesnap
