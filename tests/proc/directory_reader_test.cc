#include "lib/proc/directory_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "lib/base/interrupted.h"

namespace pagesnap {
namespace {

// Returns the errno of the ReadError that `call` throws and checks its message; 0 without one.
template <typename Call>
int ErrorOf(const std::string& expected_path, Call call) {
  try {
    call();
  } catch (const ReadError& error) {
    EXPECT_EQ(error.what(), expected_path + ": " + ErrnoText(error.error_number()));
    return error.error_number();
  }
  return 0;
}

std::map<std::string, DirectoryEntry> ListByName(ProcReader& reader, const std::string& path) {
  std::map<std::string, DirectoryEntry> by_name;
  for (const DirectoryEntry& entry : reader.List(path)) {
    EXPECT_TRUE(by_name.emplace(entry.name, entry).second) << entry.name << " comes twice";
  }
  return by_name;
}

std::set<int> OpenDescriptors() {
  std::set<int> descriptors;
  DIR* const stream = opendir("/proc/self/fd");
  while (const dirent* const entry = readdir(stream)) {
    if (entry->d_name[0] != '.') descriptors.insert(std::stoi(entry->d_name));
  }
  descriptors.erase(dirfd(stream));
  closedir(stream);
  return descriptors;
}

class DirectoryReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/pagesnap_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
    std::filesystem::create_directories(root_ + "/proc/7");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, std::string_view bytes) {
    std::ofstream(root_ + "/" + path, std::ios::binary) << bytes;
  }
  void WriteWords(const std::string& path, const std::vector<uint64_t>& words,
                  std::string_view tail = "") {
    std::string bytes(reinterpret_cast<const char*>(words.data()), words.size() * 8);
    Write(path, bytes.append(tail));
  }
  [[nodiscard]] ino_t InodeOf(const std::string& path) const {
    struct stat status;
    EXPECT_EQ(lstat((root_ + "/" + path).c_str(), &status), 0);
    return status.st_ino;
  }

  std::string root_;
};

TEST_F(DirectoryReaderTest, RejectsARootThatIsNoDirectory) {
  Write("file", "");
  for (const auto& [root, reason] : std::map<std::string, int>{
           {root_ + "/file", ENOTDIR}, {root_ + "/missing", ENOENT}, {"", ENOENT}}) {
    try {
      DirectoryReader reader(root);
      ADD_FAILURE() << root << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.what(),
                root + ": cannot be read as the root of proc and sys: " + ErrnoText(reason));
    }
  }
}

TEST_F(DirectoryReaderTest, ReadsTextInOrderAndInBlocks) {
  std::string text;
  for (int i = 0; text.size() < 300'000; ++i) text += std::to_string(i) + "\n";
  Write("proc/7/smaps", text);
  Write("proc/7/maps", "");
  DirectoryReader reader(root_);
  std::string read;
  size_t largest = 0;
  reader.ReadText("proc/7/smaps", [&](std::string_view block) {
    read += block;
    largest = std::max(largest, block.size());
  });
  EXPECT_TRUE(read == text);
  EXPECT_LE(largest, size_t{64} << 10);
  EXPECT_EQ(ReadWholeText(reader, "proc/7/maps"), "");
}

TEST_F(DirectoryReaderTest, NamesTheFullPathInErrors) {
  Write("file", "");
  const auto ignore = [](std::string_view) {};
  for (const std::string& root : {root_, root_ + "/"}) {
    DirectoryReader reader(root);
    EXPECT_EQ(ErrorOf(root_ + "/proc/8/maps", [&] { reader.ReadText("proc/8/maps", ignore); }),
              ENOENT);
    EXPECT_EQ(ErrorOf(root_ + "/proc/8/pagemap", [&] { reader.OpenWords("proc/8/pagemap"); }),
              ENOENT);
    EXPECT_EQ(ErrorOf(root_ + "/proc/8", [&] { reader.List("proc/8"); }), ENOENT);
    EXPECT_EQ(ErrorOf(root_ + "/proc/8/exe", [&] { reader.ReadLink("proc/8/exe"); }), ENOENT);
    EXPECT_EQ(ErrorOf(root_ + "/file", [&] { reader.List("file"); }), ENOTDIR);
    EXPECT_EQ(ErrorOf(root_ + "/file", [&] { reader.ReadLink("file"); }), EINVAL);
    EXPECT_EQ(ErrorOf(root_ + "/proc", [&] { reader.ReadText("proc", ignore); }), EISDIR);
    EXPECT_EQ(ErrorOf(root_ + "/proc", [&] { reader.OpenWords("proc"); }), EISDIR);
  }
}

TEST_F(DirectoryReaderTest, ReadsWords) {
  std::vector<uint64_t> words;
  for (uint64_t i = 0; i < 1000; ++i) words.push_back(i << 55 | i);
  WriteWords("proc/kpageflags", words);
  DirectoryReader reader(root_);
  const auto file = reader.OpenWords("proc/kpageflags");
  std::vector<uint64_t> read(1000);
  EXPECT_EQ(file->Read(0, read), 1000u);
  EXPECT_EQ(read, words);
  EXPECT_EQ(file->Read(990, {read.data(), 5}), 5u);
  EXPECT_EQ(read[0], words[990]);
  EXPECT_EQ(read[4], words[994]);
  EXPECT_EQ(file->Read(10, {}), 0u);
}

TEST_F(DirectoryReaderTest, ComesShortWhereTheWordsEnd) {
  WriteWords("proc/kpagecount", {1, 2, 3}, "half wd");
  DirectoryReader reader(root_);
  const auto file = reader.OpenWords("proc/kpagecount");
  std::vector<uint64_t> read(8);
  EXPECT_EQ(file->Read(1, read), 2u);
  EXPECT_EQ(read[0], 2u);
  EXPECT_EQ(read[1], 3u);
  EXPECT_EQ(file->Read(3, read), 0u);
  for (const uint64_t index : {uint64_t{4}, uint64_t{1} << 52, (uint64_t{1} << 60) - 1,
                               uint64_t{1} << 60, uint64_t{1} << 61, ~uint64_t{0}}) {
    EXPECT_EQ(file->Read(index, read), 0u) << index;
  }
}

TEST_F(DirectoryReaderTest, ListsADirectory) {
  Write("proc/7/stat", "");
  std::filesystem::create_directory(root_ + "/proc/7/task");
  std::filesystem::create_symlink("task", root_ + "/proc/7/cwd");
  DirectoryReader reader(root_);
  const auto entries = ListByName(reader, "proc/7");
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries.at(".").inode, InodeOf("proc/7"));
  EXPECT_TRUE(entries.at(".").is_directory);
  EXPECT_EQ(entries.at("stat").inode, InodeOf("proc/7/stat"));
  EXPECT_FALSE(entries.at("stat").is_directory);
  EXPECT_EQ(entries.at("task").inode, InodeOf("proc/7/task"));
  EXPECT_TRUE(entries.at("task").is_directory);
  EXPECT_FALSE(entries.at("cwd").is_directory);
}

TEST_F(DirectoryReaderTest, ReadsLinks) {
  const std::string target(4095, 'x');  // the longest that a link can hold
  std::filesystem::create_symlink(target, root_ + "/proc/7/exe");
  std::filesystem::create_symlink("/a b (deleted)", root_ + "/proc/7/cwd");
  DirectoryReader reader(root_);
  EXPECT_EQ(reader.ReadLink("proc/7/exe"), target);
  EXPECT_EQ(reader.ReadLink("proc/7/cwd"), "/a b (deleted)");
}

TEST_F(DirectoryReaderTest, LeavesNoDescriptorOpenAndInheritsNone) {
  WriteWords("proc/7/pagemap", {1});
  const std::set<int> before = OpenDescriptors();
  {
    DirectoryReader reader(root_);
    const auto file = reader.OpenWords("proc/7/pagemap");
    const std::set<int> during = OpenDescriptors();
    EXPECT_EQ(during.size(), before.size() + 2);
    for (const int fd : during) {
      EXPECT_TRUE(before.contains(fd) || (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0) << fd;
    }
    ReadWholeText(reader, "proc/7/pagemap");
    reader.List("proc/7");
    EXPECT_THROW(reader.List("proc/7/pagemap"), ReadError);
    EXPECT_THROW(ReadWholeText(reader, "proc"), ReadError);
    EXPECT_EQ(OpenDescriptors(), during);
  }
  EXPECT_EQ(OpenDescriptors(), before);
}

// To open a FIFO waits for a writer, and to read it for what he writes.
TEST_F(DirectoryReaderTest, NeitherAFifoNorADeviceIsRead) {
  ASSERT_EQ(mkfifo((root_ + "/proc/7/maps").c_str(), 0600), 0);
  std::filesystem::create_symlink("maps", root_ + "/proc/7/smaps");
  DirectoryReader reader(root_);
  const auto ignore = [](std::string_view) {};
  for (const char* name : {"proc/7/maps", "proc/7/smaps"}) {
    const std::string path = root_ + "/" + name;
    EXPECT_EQ(ErrorOf(path, [&] { reader.ReadText(name, ignore); }), EMEDIUMTYPE);
    EXPECT_EQ(ErrorOf(path, [&] { reader.OpenWords(name); }), EMEDIUMTYPE);
    EXPECT_EQ(ErrorOf(path, [&] { reader.List(name); }), ENOTDIR);
  }
  DirectoryReader machine("/");
  EXPECT_EQ(ErrorOf("/dev/zero", [&] { machine.ReadText("dev/zero", ignore); }), EMEDIUMTYPE);
}

TEST_F(DirectoryReaderTest, EndsWhereTheUserAsksForIt) {
  Write("proc/7/smaps", std::string(300'000, 'x'));
  WriteWords("proc/7/pagemap", {1});
  std::atomic<bool> interrupted = false;
  DirectoryReader reader(root_, &interrupted);
  const auto words = reader.OpenWords("proc/7/pagemap");
  int blocks = 0;
  EXPECT_THROW(reader.ReadText("proc/7/smaps",
                               [&](std::string_view) {
                                 ++blocks;
                                 interrupted = true;
                               }),
               Interrupted);
  EXPECT_EQ(blocks, 1);
  uint64_t word = 0;
  std::vector<PageRange> ranges;
  EXPECT_THROW(words->Read(0, {&word, 1}), Interrupted);
  EXPECT_THROW(words->Scan(ScanFor::kPopulated, 0, 1, 4096, &ranges), Interrupted);
  EXPECT_THROW(reader.List("proc"), Interrupted);
  EXPECT_THROW(reader.ReadLink("proc/7"), Interrupted);
  EXPECT_THROW(reader.OpenWords("proc/7/pagemap"), Interrupted);
  EXPECT_THROW(DirectoryReader(root_, &interrupted), Interrupted);
}

TEST_F(DirectoryReaderTest, TellsTheTime) {
  DirectoryReader reader(root_);
  const int64_t before = std::chrono::duration_cast<std::chrono::nanoseconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count();
  const ClockReading first = reader.Now();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const ClockReading second = reader.Now();
  EXPECT_LT(first.wall_ns - before, 60'000'000'000);
  EXPECT_GE(first.wall_ns, before);
  EXPECT_GE(second.boot_ns - first.boot_ns, 5'000'000);
  EXPECT_LT(second.boot_ns - first.boot_ns, 60'000'000'000);
  std::ifstream uptime("/proc/uptime");
  double seconds = 0;
  uptime >> seconds;
  EXPECT_NEAR(static_cast<double>(second.boot_ns) / 1e9, seconds, 5);
}

}  // namespace
}  // namespace pagesnap
