// Rows on their way into the database: threads that have some do not wait for the one that writes.
#ifndef LIB_STORE_WRITE_PENDING_ROWS_H_
#define LIB_STORE_WRITE_PENDING_ROWS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "lib/store/sqlite/facts.h"

namespace pagesnap {

// Members are named like the columns of schema/tables.sql. Rows of which there are many are small,
// because one core fills them and another empties them.
struct FileRow {
  int64_t id;
  std::string device;
  int64_t inode;
  std::string path;
  FileFacts identity;
};

// A file that is another one than in the snapshots before: mappings of this snapshot that refer to
// `old_id` are to refer to `new_id`. They are those with an id above `last_mapping_id`.
struct ReplacedFileRow {
  int64_t old_id;
  int64_t new_id;
  int64_t last_mapping_id;
};

struct VmFlagsRow {
  int64_t id;
  std::string names;
};

struct MappingRow {
  int64_t id;
  int64_t process_id;
  int64_t first_page;
  int64_t page_count;
  int64_t offset;
  int64_t file_id;      // 0: none
  int64_t vm_flags_id;  // 0: none
  std::array<char, 4> perms;
};

struct MappingCopyRow {
  int64_t first_id;
  int64_t process_id;
  int64_t row_count;
  int64_t source_id;
};

struct ContentRow {
  int64_t id;
  int64_t page_count;
  int64_t base_id;  // 0: none
  std::string words;
  int64_t checksum;
};

struct ChunkRow {
  int64_t mapping_id;
  int64_t first_page;
  int64_t content_id;
  int64_t present_count;
  int64_t swapped_count;
  int64_t special_count;
};

// Used by several threads at once.
class PendingRows {
 public:
  struct Rows {
    std::vector<FileRow> files;
    std::vector<ReplacedFileRow> replaced_files;
    std::vector<VmFlagsRow> vm_flags;
    std::vector<MappingRow> mappings;
    std::vector<MappingCopyRow> mapping_copies;
    std::vector<ContentRow> contents;
    std::vector<ChunkRow> chunks;
  };

  // Adds a row. Returns how many bytes wait, roughly.
  size_t Add(FileRow row) {
    const size_t size = row.device.size() + row.path.size();
    return AddTo(&Rows::files, std::move(row), size);
  }
  size_t Add(ReplacedFileRow row) { return AddTo(&Rows::replaced_files, row, 0); }
  size_t Add(VmFlagsRow row) {
    const size_t size = row.names.size();
    return AddTo(&Rows::vm_flags, std::move(row), size);
  }
  size_t Add(MappingRow row) { return AddTo(&Rows::mappings, std::move(row), 0); }
  size_t Add(MappingCopyRow row) { return AddTo(&Rows::mapping_copies, row, 0); }
  size_t Add(ContentRow row) {
    const size_t size = row.words.size();
    return AddTo(&Rows::contents, std::move(row), size);
  }
  size_t Add(ChunkRow row) { return AddTo(&Rows::chunks, std::move(row), 0); }

  // Swaps what waits with `rows`, which is empty: its memory serves the rows to come.
  void Take(Rows* rows) {
    const std::lock_guard lock(mutex_);
    std::swap(rows_, *rows);
    bytes_ = 0;
  }

  // Returns whether nothing waits. What other threads are about to add does not count.
  [[nodiscard]] bool empty() const { return bytes_.load(std::memory_order_acquire) == 0; }

 private:
  template <typename Row>
  size_t AddTo(std::vector<Row> Rows::*rows, Row row, size_t more_bytes) {
    const std::lock_guard lock(mutex_);
    (rows_.*rows).push_back(std::move(row));
    bytes_ += sizeof(Row) + more_bytes;
    return bytes_;
  }

  std::mutex mutex_;
  Rows rows_;
  std::atomic<size_t> bytes_ = 0;
};

}  // namespace pagesnap

#endif  // LIB_STORE_WRITE_PENDING_ROWS_H_
