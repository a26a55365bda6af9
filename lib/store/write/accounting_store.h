// The kernel's figures of processes: each as a whole, or as what differs from a relative's.
#ifndef LIB_STORE_WRITE_ACCOUNTING_STORE_H_
#define LIB_STORE_WRITE_ACCOUNTING_STORE_H_

#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "lib/codec/accounting_table.h"
#include "lib/store/write/row_writer.h"

namespace pagesnap {

// Used by several threads at once: they encode in parallel.
class AccountingStore {
 public:
  // `rows` is borrowed.
  explicit AccountingStore(RowWriter& rows) : rows_(rows) {}

  // Adds the figures of a process. Those of processes with one `family_key`, which is a hash, are
  // coded against each other; 0: there is no relative. Throws Error.
  void Add(int64_t process_id, const AccountingTableBuilder& figures, uint64_t family_key);

 private:
  // Figures that stand alone.
  struct Base {
    int64_t process_id = 0;
    std::vector<uint8_t> unpacked = {};
    size_t blob_size = 0;
  };

  RowWriter& rows_;
  std::mutex mutex_;  // guards what follows; never taken while the database is locked
  std::unordered_map<uint64_t, Base> bases_;  // the last one of each family
  size_t bytes_ = 0;                          // in them
};

}  // namespace pagesnap

#endif  // LIB_STORE_WRITE_ACCOUNTING_STORE_H_
