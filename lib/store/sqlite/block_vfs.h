// Databases read and written in larger pieces than their pages.
#ifndef LIB_STORE_SQLITE_BLOCK_VFS_H_
#define LIB_STORE_SQLITE_BLOCK_VFS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

struct sqlite3_file;
struct sqlite3_vfs;

namespace pagesnap {

class SpaceLimit;

// A file that nobody changes, read ahead where it is read from front to back, for a few readers
// that do so in turns. SQLite reads a page at a time, and pages of a snapshot are small: a call for
// each took a tenth of the time of a report. Errors are those of SQLite (SQLITE_IOERR_READ, ...).
class ReadAhead {
 public:
  // `file` is borrowed; `size` is its own, in bytes.
  ReadAhead(sqlite3_file* file, int64_t size) : file_(file), file_size_(size) {}
  int Read(void* out, int size, int64_t offset);

 private:
  // Part of the file.
  struct Window {
    std::unique_ptr<char[]> bytes;  // null until it is used
    int64_t begin = 0;
    int64_t size = 0;
    int64_t next_size = 0;  // of the next part, where it is asked for
    uint64_t last_use = 0;
    [[nodiscard]] int64_t end() const { return begin + size; }
  };

  Window& Choose(int64_t offset);

  sqlite3_file* file_;
  int64_t file_size_;
  uint64_t use_count_ = 0;
  std::array<Window, 4> windows_;
};

// What was written to a file and is not there yet: pages in a few blocks, since SQLite adds to
// several tables in turns. After an error all calls return it.
class WriteBehind {
 public:
  // `file` is borrowed.
  explicit WriteBehind(sqlite3_file* file) : file_(file) {}
  int Write(const void* bytes, int size, int64_t offset);
  // From now on the file grows only as far as `limit` allows (borrowed): beyond that a write is
  // SQLITE_FULL.
  void SetLimit(SpaceLimit* limit) { limit_ = limit; }
  // Writes what is not there yet: to be called before anything else is done with the file.
  int Flush();

 private:
  static constexpr int64_t kPageSize = 1024;  // what is not made of these is written at once
  static constexpr int64_t kBlockSize = 64 * kPageSize;

  struct Block {
    std::unique_ptr<char[]> bytes;  // null until it is used
    int64_t begin = 0;
    uint64_t pages = 0;  // bit i: page i is to be written
    uint64_t last_use = 0;
  };

  Block* BlockFor(int64_t begin);
  int FlushBlock(Block* block);
  int WriteNow(const void* bytes, int64_t size, int64_t offset);

  sqlite3_file* file_;
  SpaceLimit* limit_ = nullptr;
  uint64_t use_count_ = 0;
  std::array<Block, 8> blocks_;
  int error_ = 0;  // SQLITE_OK
};

// sqlite3_file_control() of a file that such a VFS opened for writing: its argument is a
// SpaceLimit, for WriteBehind::SetLimit(). SQLite leaves numbers above 100 to VFS implementations
// (sqlite3.h, SQLITE_FCNTL_LOCKSTATE).
constexpr int kSetSpaceLimit = 0x70736c;

// Returns a copy of a VFS for sqlite3_vfs_register(). The main databases that it opens are read
// through ReadAhead if read-only, and written through WriteBehind if not: what a transaction wrote
// is in the file when it is committed (SQLITE_FCNTL_SYNC), also with synchronous=OFF. All else is
// as `base` does it, which is SQLite's own and lives as long as the copy.
sqlite3_vfs MakeBlockVfs(const sqlite3_vfs& base, const char* name);

}  // namespace pagesnap

#endif  // LIB_STORE_SQLITE_BLOCK_VFS_H_
