// The ids of what mappings have in common: their files, and the names of their flags.
#ifndef LIB_STORE_WRITE_NAME_IDS_H_
#define LIB_STORE_WRITE_NAME_IDS_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <unordered_map>

#include "lib/store/sqlite/facts.h"
#include "lib/store/write/pending_rows.h"

namespace pagesnap {

// Uses only memory: it neither writes to the database nor reads it. Used by several threads at
// once.
class NameIds {
 public:
  // Rows for new ids are added to `rows`, which is borrowed.
  explicit NameIds(PendingRows& rows) : rows_(rows) {}

  // Returns the id of the file of a mapping, 0 when it has none.
  int64_t FileId(const MappingFacts& facts);
  // Returns what MappingRow::vm_flags_id is for these flags.
  int64_t VmFlagsId(const std::string& names);

 private:
  using Files = std::map<std::tuple<std::string, uint64_t, std::string>, int64_t>;

  PendingRows& rows_;
  std::mutex mutex_;  // guards what follows; never taken while the database is locked
  Files files_;
  const Files::value_type* last_file_ = nullptr;  // the one that was asked for last
  std::unordered_map<std::string, int64_t> vm_flags_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_WRITE_NAME_IDS_H_
