// The rows of machine_counters.
#ifndef LIB_STORE_WRITE_COUNTER_STORE_H_
#define LIB_STORE_WRITE_COUNTER_STORE_H_

#include <cstdint>

#include "lib/codec/counters.h"
#include "lib/store/write/row_writer.h"

namespace pagesnap {

// Writes the counters of each snapshot against those of one shortly before. Used by one thread.
class CounterStore {
 public:
  // `rows` is borrowed.
  explicit CounterStore(RowWriter& rows) : rows_(rows) {}

  // Adds the row of a snapshot. Throws Error.
  void Add(int64_t snapshot_id, Counters counters);

 private:
  RowWriter& rows_;
  Counters base_;
  int64_t base_id_ = 0;  // the snapshot that has base_; 0: none yet
};

}  // namespace pagesnap

#endif  // LIB_STORE_WRITE_COUNTER_STORE_H_
