// The ids of what mappings have in common: their files, and the names of their flags.
#ifndef LIB_STORE_WRITE_NAME_IDS_H_
#define LIB_STORE_WRITE_NAME_IDS_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/store/sqlite/facts.h"
#include "lib/store/write/pending_rows.h"

namespace pagesnap {

// Uses only memory: it neither writes to the database nor reads it. Used by several threads at
// once.
class NameIds {
 public:
  // Rows for new ids are added to `rows`, which is borrowed.
  explicit NameIds(PendingRows& rows) : rows_(rows) {}

  // Begins a snapshot, whose mappings get ids above `last_mapping_id`.
  void BeginSnapshot(int64_t last_mapping_id);

  // Returns the id of the file of a mapping, 0 when it has none.
  int64_t FileId(const MappingFacts& facts);
  // Says what the file with this id, which FileId() returned in this snapshot, is now. It has an
  // inode.
  void SetFileFacts(int64_t file_id, const FileFacts& identity);
  // Returns the path of such a file.
  std::string FilePath(int64_t file_id);
  // Adds the rows of files with an inode that are new in this snapshot, and of those that are not
  // what they were in the snapshots before.
  void AddFiles();

  // Returns what MappingRow::vm_flags_id is for these flags.
  int64_t VmFlagsId(const std::string& names);

 private:
  // What has one device, inode and path: one file after the other, in a series.
  struct NamedFile {
    int64_t id = 0;               // what mappings of this snapshot refer to at first
    int64_t snapshot_number = 0;  // the last that has it
    FileFacts identity = {};      // in that one
    std::vector<std::pair<int64_t, FileFacts>> rows = {};  // added before, the newest last
  };
  using Files = std::map<std::tuple<std::string, uint64_t, std::string>, NamedFile>;

  void AddFile(Files::value_type& named);
  void AddRow(const Files::value_type& named);

  PendingRows& rows_;
  std::mutex mutex_;  // guards what follows; never taken while the database is locked
  Files files_;
  Files::value_type* last_file_ = nullptr;  // the one that was asked for last
  int64_t last_file_id_ = 0;
  int64_t snapshot_number_ = 0;
  int64_t last_mapping_id_ = 0;                                  // of the snapshots before
  std::unordered_map<int64_t, Files::value_type*> of_snapshot_;  // by id
  std::unordered_map<std::string, int64_t> vm_flags_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_WRITE_NAME_IDS_H_
