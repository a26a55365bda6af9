// Files read ahead and written behind hold what they would without, also when the disk fails.
#include "lib/store/sqlite/block_vfs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>

#include "lib/base/unique_fd.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {
namespace {

// A file in memory, as SQLite sees one.
struct MemoryFile {
  MemoryFile() { base.pMethods = &Methods(); }
  static MemoryFile& From(sqlite3_file* file) { return *reinterpret_cast<MemoryFile*>(file); }
  static int Read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
    MemoryFile& self = From(file);
    ++self.read_count;
    if (self.bad_byte >= offset && self.bad_byte < offset + size) return SQLITE_IOERR_READ;
    const auto there =
        std::clamp<int64_t>(static_cast<int64_t>(self.bytes.size()) - offset, 0, size);
    std::memset(out, 0, static_cast<size_t>(size));
    if (there > 0) std::memcpy(out, self.bytes.data() + offset, static_cast<size_t>(there));
    return there == size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
  }
  static int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
    MemoryFile& self = From(file);
    ++self.write_count;
    if (self.is_full) return SQLITE_FULL;
    const auto end = static_cast<size_t>(offset + size);
    if (self.bytes.size() < end) self.bytes.resize(end);
    std::memcpy(self.bytes.data() + offset, bytes, static_cast<size_t>(size));
    return SQLITE_OK;
  }
  static const sqlite3_io_methods& Methods() {
    static const sqlite3_io_methods methods = [] {
      sqlite3_io_methods made{};
      made.iVersion = 1;
      made.xRead = Read;
      made.xWrite = Write;
      return made;
    }();
    return methods;
  }

  sqlite3_file base{};
  std::string bytes;
  int64_t bad_byte = -1;
  bool is_full = false;
  int read_count = 0;
  int write_count = 0;
};

class BlockVfsTest : public testing::Test {
 protected:
  // Fills the file with bytes that differ from place to place.
  void Fill(size_t size) {
    for (size_t i = 0; i < size; ++i) file_.bytes += static_cast<char>(i * 2'654'435'761 >> 13);
  }
  ReadAhead MakeReadAhead() { return {&file_.base, static_cast<int64_t>(file_.bytes.size())}; }
  std::minstd_rand random_{7};
  MemoryFile file_;
};

TEST_F(BlockVfsTest, ReadsTheSameBytesInAnyOrder) {
  Fill(300'000);
  ReadAhead read = MakeReadAhead();
  std::string out(200'000, '\0');
  std::string expected(200'000, '\0');
  for (int i = 0; i < 20'000; ++i) {
    // Pages, parts of them, what is as large as a window, and what goes over the end.
    const int size =
        i % 100 == 0 ? static_cast<int>(random_() % 200'000) : static_cast<int>(random_() % 4'097);
    const int64_t offset = random_() % 310'000;
    const int wanted = MemoryFile::Read(&file_.base, expected.data(), size, offset);
    ASSERT_EQ(read.Read(out.data(), size, offset), wanted) << size << " at " << offset;
    ASSERT_EQ(std::memcmp(out.data(), expected.data(), static_cast<size_t>(size)), 0)
        << size << " at " << offset;
  }
}

TEST_F(BlockVfsTest, ReadersFromFrontToBackTakeFewCalls) {
  Fill(3 << 20);
  ReadAhead read = MakeReadAhead();
  char page[1024];
  for (int64_t offset = 0; offset < 1 << 20; offset += 1024) {
    for (const int64_t start : {0, 1 << 20, 2 << 20}) {
      ASSERT_EQ(read.Read(page, 1024, start + offset), SQLITE_OK);
    }
  }
  EXPECT_LT(file_.read_count, 3 * 25);  // of 3072 pages
}

TEST_F(BlockVfsTest, APlaceThatCannotBeReadDoesNotSpoilItsNeighbours) {
  Fill(300'000);
  file_.bad_byte = 100'000;
  ReadAhead read = MakeReadAhead();
  char page[1024];
  for (int64_t offset = 0; offset + 1024 <= 300'000; offset += 1024) {
    const bool is_bad = offset / 1024 == 100'000 / 1024;
    ASSERT_EQ(read.Read(page, 1024, offset), is_bad ? SQLITE_IOERR_READ : SQLITE_OK);
    if (!is_bad) {
      ASSERT_EQ(std::memcmp(page, file_.bytes.data() + offset, 1024), 0);
    }
  }
}

TEST_F(BlockVfsTest, WritesTheSameBytesInAnyOrder) {
  MemoryFile expected;
  WriteBehind write(&file_.base);
  std::string bytes(100'000, '.');
  for (int i = 0; i < 5'000; ++i) {
    bytes[i] = bytes[i + 1'500] = 'x';
    // Mostly pages, here and there what is none.
    int size = static_cast<int>(random_() % 4 + 1) * 1024;
    int64_t offset = static_cast<int64_t>(random_() % 2'000) * 1024;
    if (i % 100 == 0) size = static_cast<int>(random_() % 100'000);
    if (i % 90 == 0) offset += static_cast<int64_t>(random_() % 1024);
    MemoryFile::Write(&expected.base, bytes.data(), size, offset);
    ASSERT_EQ(write.Write(bytes.data(), size, offset), SQLITE_OK);
    if (i % 200 == 0) {
      ASSERT_EQ(write.Flush(), SQLITE_OK);
      ASSERT_EQ(file_.bytes, expected.bytes) << i;
    }
  }
}

TEST_F(BlockVfsTest, TablesThatGrowInTurnsTakeFewCalls) {
  WriteBehind write(&file_.base);
  const std::string page(1024, 'x');
  // Of each eight pages, one is filled much later.
  for (int i = 0; i < 1024 + 64; ++i) {
    if (i % 8 != 0 && i < 1024) {
      ASSERT_EQ(write.Write(page.data(), 1024, int64_t{i} * 1024), SQLITE_OK);
    }
    if (i % 8 == 0 && i >= 64) {
      ASSERT_EQ(write.Write(page.data(), 1024, int64_t{i - 64} * 1024), SQLITE_OK);
    }
  }
  ASSERT_EQ(write.Flush(), SQLITE_OK);
  EXPECT_EQ(file_.bytes, std::string(1 << 20, 'x'));
  EXPECT_EQ(file_.write_count, 16);
}

// Nothing that is written later may look as if all before it were there.
TEST_F(BlockVfsTest, AnErrorIsNotForgotten) {
  WriteBehind write(&file_.base);
  const std::string page(1024, 'x');
  ASSERT_EQ(write.Write(page.data(), 1024, 0), SQLITE_OK);
  file_.is_full = true;
  EXPECT_EQ(write.Flush(), SQLITE_FULL);
  file_.is_full = false;
  EXPECT_EQ(write.Flush(), SQLITE_FULL);
  EXPECT_EQ(write.Write(page.data(), 1024, 1024), SQLITE_FULL);
  EXPECT_EQ(write.Write("b", 1, 1), SQLITE_FULL);
  EXPECT_EQ(write.Flush(), SQLITE_FULL);
  EXPECT_EQ(file_.bytes, "");
}

// Without a sync there is no other moment when the file is known to be whole.
TEST_F(BlockVfsTest, WhatIsCommittedIsInTheFile) {
  const std::string path = testing::TempDir() + "pagesnap-committed-" + std::to_string(getpid());
  const UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  Database database = Database::CreateIn(fd.get(), "test");
  for (int64_t i = 1; i <= 3; ++i) {
    database.Execute(
        "BEGIN; CREATE TABLE IF NOT EXISTS t (x); INSERT INTO t VALUES "
        "(zeroblob(5000)); COMMIT");
    Database reader = Database::OpenReadOnly(path);
    Statement count(reader, "SELECT COUNT(*), SUM(LENGTH(x)) FROM t");
    ASSERT_TRUE(count.Step());
    EXPECT_EQ(count.Int(0), i);
    EXPECT_EQ(count.Int(1), 5000 * i);
  }
  unlink(path.c_str());
}

}  // namespace
}  // namespace pagesnap
