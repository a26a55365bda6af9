#include "tests/support/fake_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace pagesnap {
namespace {

using ::testing::ElementsAre;

// Returns the errno of the ReadError that `call` throws; 0 without one.
template <typename Call>
int ErrorOf(Call call) {
  try {
    call();
  } catch (const ReadError& error) {
    return error.error_number();
  }
  return 0;
}

std::vector<std::string> Names(ProcReader& reader, const std::string& path) {
  std::vector<std::string> names;
  for (const DirectoryEntry& entry : reader.List(path)) {
    names.push_back(entry.name + (entry.is_directory ? "/" : ""));
  }
  return names;
}

std::vector<uint64_t> Read(WordFile& file, uint64_t first, size_t size) {
  std::vector<uint64_t> words(size, 0xdead);
  words.resize(file.Read(first, words));
  return words;
}

TEST(FakeReader, PassesTextInBlocks) {
  FakeReader reader;
  reader.AddText("proc/7/maps", "abcdefg");
  reader.AddText("proc/7/cmdline", "");
  reader.SetBlockBytes(3);
  std::vector<std::string> blocks;
  reader.ReadText("proc/7/maps", [&](std::string_view block) { blocks.emplace_back(block); });
  EXPECT_THAT(blocks, ElementsAre("abc", "def", "g"));
  EXPECT_EQ(ReadWholeText(reader, "proc/7/cmdline"), "");
}

TEST(FakeReader, ReadsSparseWords) {
  FakeReader reader;
  reader.AddWords("proc/7/pagemap", 510, {1, 2, 3, 4});
  reader.AddWords("proc/7/pagemap", 2000, {5});
  reader.AddWords("proc/7/pagemap", 511, {6});
  const auto file = reader.OpenWords("proc/7/pagemap");
  EXPECT_THAT(Read(*file, 509, 6), ElementsAre(0, 1, 6, 3, 4, 0));
  EXPECT_THAT(Read(*file, 511, 1), ElementsAre(6));
  EXPECT_THAT(Read(*file, 512, 2), ElementsAre(3, 4));
  EXPECT_THAT(Read(*file, 1999, 3), ElementsAre(0, 5, 0));
  EXPECT_THAT(Read(*file, uint64_t{1} << 30, 2), ElementsAre(0, 0));
  const std::vector<uint64_t> many = Read(*file, 0, 3000);
  ASSERT_EQ(many.size(), 3000u);
  EXPECT_EQ(many[510], 1u);
  EXPECT_EQ(many[513], 4u);
  EXPECT_EQ(many[2000], 5u);
  EXPECT_EQ(many[2999], 0u);
}

TEST(FakeReader, ComesShortAtTheEndOfTheWords) {
  FakeReader reader;
  reader.AddWords("proc/kpageflags", 0, {1, 2, 3, 4});
  reader.SetWordsEnd("proc/kpageflags", 3);
  const auto file = reader.OpenWords("proc/kpageflags");
  EXPECT_THAT(Read(*file, 1, 8), ElementsAre(2, 3));
  EXPECT_THAT(Read(*file, 3, 8), ElementsAre());
  EXPECT_THAT(Read(*file, ~uint64_t{0}, 8), ElementsAre());
  reader.AddWords("proc/7/pagemap", 0, {1});
  const auto pagemap = reader.OpenWords("proc/7/pagemap");
  EXPECT_EQ(Read(*pagemap, FakeReader::kDefaultWordsEnd - 1, 8).size(), 1u);
}

TEST(FakeReader, ListsWhatWasAdded) {
  FakeReader reader;
  reader.AddText("proc/7/maps", "");
  reader.AddText("proc/70/maps", "");
  reader.AddText("proc/7/task/8/stat", "");
  reader.AddLink("proc/7/exe", "/bin/sh");
  reader.AddDirectory("proc/7/fd");
  reader.AddText("proc/7.txt", "");
  EXPECT_THAT(Names(reader, "proc/7"), ElementsAre("./", "exe", "fd/", "maps", "task/"));
  EXPECT_THAT(Names(reader, "proc"), ElementsAre("./", "7/", "7.txt", "70/"));
  EXPECT_THAT(Names(reader, "proc/7/fd"), ElementsAre("./"));
  EXPECT_THAT(Names(reader, ""), ElementsAre("./", "proc/"));
  EXPECT_EQ(ErrorOf([&] { reader.List("proc/9"); }), ENOENT);
  EXPECT_EQ(ErrorOf([&] { reader.List("proc/7/maps"); }), ENOTDIR);
}

TEST(FakeReader, ShowsTheSameInodeFromAboveAndWithin) {
  FakeReader reader;
  reader.AddText("sys/fs/cgroup/a/cgroup.procs", "");
  reader.AddText("sys/fs/cgroup/b/cgroup.procs", "");
  reader.SetInode("sys/fs/cgroup/a", 4711);
  const std::vector<DirectoryEntry> above = reader.List("sys/fs/cgroup");
  EXPECT_EQ(above[1].inode, 4711u);
  EXPECT_EQ(reader.List("sys/fs/cgroup/a")[0].inode, 4711u);
  EXPECT_EQ(reader.List("sys/fs/cgroup/b")[0].inode, above[2].inode);
  EXPECT_NE(above[2].inode, above[0].inode);
  EXPECT_NE(above[2].inode, 4711u);
}

TEST(FakeReader, FailsLikeTheKernel) {
  FakeReader reader;
  reader.AddText("proc/7/maps", "");
  reader.AddLink("proc/self", "7");
  reader.AddDirectory("proc/8");
  EXPECT_EQ(ErrorOf([&] { ReadWholeText(reader, "proc/7/smaps"); }), ENOENT);
  EXPECT_EQ(ErrorOf([&] { ReadWholeText(reader, "proc/7"); }), EISDIR);
  EXPECT_EQ(ErrorOf([&] { ReadWholeText(reader, "proc/8"); }), EISDIR);
  EXPECT_EQ(ErrorOf([&] { reader.OpenWords("proc/7/pagemap"); }), ENOENT);
  EXPECT_EQ(ErrorOf([&] { reader.ReadLink("proc/7/exe"); }), ENOENT);
  EXPECT_EQ(ErrorOf([&] { reader.ReadLink("proc/7"); }), EINVAL);
  EXPECT_EQ(ErrorOf([&] { reader.ReadLink("proc/7/maps"); }), EINVAL);
  EXPECT_EQ(reader.ReadLink("proc/self"), "7");
}

TEST(FakeReader, LetsAProcessDieBetweenTwoReads) {
  FakeReader reader;
  reader.AddText("proc/7/maps", "x");
  reader.AddText("proc/70/maps", "y");
  reader.AddWords("proc/7/pagemap", 0, {1, 2});
  const auto file = reader.OpenWords("proc/7/pagemap");
  std::vector<std::string> accesses;
  int reads_left = 1;
  reader.SetOnAccess([&](const std::string& path) {
    accesses.push_back(path);
    if (path == "proc/7/pagemap" && reads_left-- == 0) reader.Remove("proc/7");
  });
  EXPECT_EQ(ReadWholeText(reader, "proc/7/maps"), "x");
  EXPECT_THAT(Read(*file, 0, 2), ElementsAre(1, 2));
  EXPECT_THAT(Read(*file, 0, 2), ElementsAre());
  EXPECT_EQ(ErrorOf([&] { ReadWholeText(reader, "proc/7/maps"); }), ENOENT);
  EXPECT_EQ(ErrorOf([&] { reader.List("proc/7"); }), ENOENT);
  EXPECT_EQ(ErrorOf([&] { reader.ReadLink("proc/7/exe"); }), ENOENT);
  EXPECT_EQ(ErrorOf([&] { reader.OpenWords("proc/7/pagemap"); }), ENOENT);
  EXPECT_EQ(ReadWholeText(reader, "proc/70/maps"), "y");
  EXPECT_THAT(accesses,
              ElementsAre("proc/7/maps", "proc/7/pagemap", "proc/7/pagemap", "proc/7/maps",
                          "proc/7", "proc/7/exe", "proc/7/pagemap", "proc/70/maps"));
}

TEST(FakeReader, ShowsTheClockItWasGiven) {
  FakeReader reader;
  reader.SetClock({5, 7});
  EXPECT_EQ(reader.Now().wall_ns, 5);
  EXPECT_EQ(reader.Now().boot_ns, 7);
}

TEST(FakeReader, IsReadFromSeveralThreads) {
  FakeReader reader;
  reader.AddText("proc/7/maps", std::string(10'000, 'x'));
  reader.AddWords("proc/7/pagemap", 0, std::vector<uint64_t>(2000, 3));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto file = reader.OpenWords("proc/7/pagemap");
      for (int round = 0; round < 100; ++round) {
        EXPECT_EQ(ReadWholeText(reader, "proc/7/maps").size(), 10'000u);
        EXPECT_EQ(Read(*file, 0, 2000), std::vector<uint64_t>(2000, 3));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(ReadWholeText, StopsAtItsLimit) {
  FakeReader reader;
  reader.AddText("proc/7/environ", std::string(5000, 'x'));
  EXPECT_EQ(ReadWholeText(reader, "proc/7/environ", 5000).size(), 5000u);
  EXPECT_THROW(ReadWholeText(reader, "proc/7/environ", 4999), Error);
}

}  // namespace
}  // namespace pagesnap
