// Rows of mapping: those that equal rows of another process are stored as copies of these.
#ifndef LIB_STORE_WRITE_MAPPING_STORE_H_
#define LIB_STORE_WRITE_MAPPING_STORE_H_

#include <atomic>
#include <cstdint>
#include <mutex>

#include "lib/store/write/identity_map.h"
#include "lib/store/write/row_writer.h"

namespace pagesnap {

// Used by several threads at once.
class MappingStore {
 public:
  // Ids that the mappings of one process take: one after the other, also where other threads take
  // some, so that copies of many are one.
  struct Ids {
    int64_t next = 1;
    int64_t last = 0;
  };

  // `rows` is borrowed.
  explicit MappingStore(RowWriter& rows) : rows_(rows) {}

  // Begins a snapshot: no row is a copy of one of another snapshot, whose files may be others by
  // now. With `copies` false none is a copy, and all rows can be changed.
  void BeginSnapshot(bool copies);

  // Takes an id.
  int64_t TakeId(Ids* ids);
  // Gives those back that were not taken, if no other thread has taken any since.
  void ReturnIds(Ids* ids);
  [[nodiscard]] int64_t last_id() const { return last_id_; }

  // Adds a row that is stored in any case. Throws Error.
  void Add(const MappingRow& row);

  // Rows of one process that follow each other.
  class List {
   public:
    explicit List(MappingStore& store) : store_(store) {}
    // Adds a row, the next by address. Throws Error.
    void Add(const MappingRow& row);
    // To be called after the last one. Throws Error.
    void Finish();

   private:
    MappingStore& store_;
    MappingRow first_ = {};  // of the rows that wait to become a copy
    int64_t source_id_ = 0;  // of the row that it equals
    int64_t count_ = 0;
  };

 private:
  // As many rows as are remembered: 3 MB.
  static constexpr size_t kMaxRemembered = size_t{1} << 15;

  int64_t FindEqual(const MappingRow& row);

  RowWriter& rows_;
  std::atomic<int64_t> last_id_ = 0;
  std::atomic<bool> copies_ = true;
  std::mutex mutex_;               // guards what follows; never taken while the database is locked
  IdentityMap<int64_t> recent_;    // ids of stored rows, by what they say
  IdentityMap<int64_t> previous_;  // what this was before it was full
};

}  // namespace pagesnap

#endif  // LIB_STORE_WRITE_MAPPING_STORE_H_
