// Against the kernel that runs the tests.
#include "lib/proc/cached_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "lib/proc/directory_reader.h"

namespace pagesnap {
namespace {

class CachedFileTest : public testing::Test {
 protected:
  CachedFileTest() {
    // /tmp may be in memory, where nothing is evicted and no read says so.
    char path[] = "cached_file_test.XXXXXX";
    folder_ = std::filesystem::absolute(mkdtemp(path)).string();
    root_ = UniqueFd(open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~CachedFileTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& bytes) {
    const UniqueFd fd(open((folder_ + '/' + name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(write(fd.get(), bytes.data(), bytes.size()), bytes.size());
    ASSERT_EQ(fsync(fd.get()), 0);
  }

  // Returns whether the first page is in the page cache.
  [[nodiscard]] bool IsInMemory(const std::string& name) const {
    const UniqueFd fd(open((folder_ + '/' + name).c_str(), O_RDONLY | O_CLOEXEC));
    void* const address = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd.get(), 0);
    unsigned char page = 0;
    EXPECT_EQ(mincore(address, 4096, &page), 0);
    munmap(address, 4096);
    return (page & 1) != 0;
  }

  // Returns what is read of the first 100 bytes; nothing where the file system cannot read without
  // waiting.
  std::optional<std::string> ReadCached(const std::string& name) {
    std::array<char, 100> bytes;
    try {
      const auto file = OpenCachedFile(root_.get(), name, folder_ + '/' + name);
      return std::string(bytes.data(), file->Read(0, bytes));
    } catch (const ReadError& error) {
      EXPECT_EQ(error.error_number(), EOPNOTSUPP);
      return std::nullopt;
    }
  }

  std::string folder_;
  UniqueFd root_;
};

TEST_F(CachedFileTest, ReadsWhatIsInMemory) {
  Write("file", std::string(50, 'x'));
  const std::optional<std::string> bytes = ReadCached("file");
  if (!bytes) GTEST_SKIP() << "the file system cannot read without waiting";
  EXPECT_EQ(*bytes, std::string(50, 'x'));
}

// Neither now nor a little later: nothing is read ahead.
TEST_F(CachedFileTest, WhatWasEvictedIsNotReadFromTheDisk) {
  Write("file", std::string(1 << 20, 'x'));
  const UniqueFd fd(open((folder_ + "/file").c_str(), O_RDONLY | O_CLOEXEC));
  if (!ReadCached("file")) GTEST_SKIP() << "the file system cannot read without waiting";
  ASSERT_EQ(posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
  if (IsInMemory("file")) GTEST_SKIP() << "nothing is evicted here";
  EXPECT_EQ(ReadCached("file"), "");
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(IsInMemory("file"));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

TEST_F(CachedFileTest, TheTimeOfLastAccessStaysAsItIs) {
  Write("file", "contents");
  const timespec long_ago[] = {{1000, 0}, {2000, 7}};
  ASSERT_EQ(utimensat(root_.get(), "file", long_ago, 0), 0);
  ReadCached("file");
  struct stat status;
  ASSERT_EQ(fstatat(root_.get(), "file", &status, 0), 0);
  EXPECT_EQ(status.st_atim.tv_sec, 1000);
  const std::optional<FileStatus> cached = StatCached(root_.get(), "file", 0);
  ASSERT_TRUE(cached);
  EXPECT_EQ(cached->mtime_ns, 2'000'000'000'007);
  EXPECT_EQ(cached->size, 8);
  EXPECT_EQ(cached->link_count, 1);
  EXPECT_EQ(cached->block_count, 8);
  EXPECT_EQ(cached->inode, status.st_ino);
  EXPECT_TRUE(cached->is_regular);
}

TEST_F(CachedFileTest, OnlyRegularFilesAreOpened) {
  ASSERT_EQ(mkfifo((folder_ + "/fifo").c_str(), 0600), 0);
  for (const char* name : {"fifo", "."}) {
    try {
      OpenCachedFile(root_.get(), name, name);
      ADD_FAILURE() << name;
    } catch (const ReadError& error) {
      EXPECT_EQ(error.error_number(), EMEDIUMTYPE);
    }
  }
}

TEST_F(CachedFileTest, NoLinkIsFollowedFromAFolder) {
  std::filesystem::create_directory(folder_ + "/folder");
  Write("folder/file", "contents");
  std::filesystem::create_symlink("folder", folder_ + "/link");
  DirectoryReader reader("/");
  const std::string here = folder_.substr(1);
  FileStatus status;
  try {
    status = reader.StatInFolder(here, "folder/file");
  } catch (const ReadError& error) {
    ASSERT_EQ(error.error_number(), EINVAL);
    GTEST_SKIP() << "no RESOLVE_CACHED before Linux 5.12";
  }
  EXPECT_EQ(status.size, 8);
  for (const char* name : {"link/file", "folder/none"}) {
    EXPECT_THROW(reader.StatInFolder(here, name), ReadError) << name;
  }
}

}  // namespace
}  // namespace pagesnap
