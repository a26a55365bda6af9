// What the kernel had counted when a snapshot was taken.
#ifndef LIB_STORE_READ_COUNTER_READER_H_
#define LIB_STORE_READ_COUNTER_READER_H_

#include <cstdint>

#include "lib/codec/counters.h"
#include "lib/store/read/source.h"

namespace pagesnap {

// Returns the counters of a snapshot of the source; none when they were not captured. Throws Error
// when they are damaged.
Counters ReadCounters(const Source& source, int64_t snapshot_id);

// The same for an id in the database itself.
Counters ReadCountersOf(const Database& database, int64_t local_snapshot_id);

}  // namespace pagesnap

#endif  // LIB_STORE_READ_COUNTER_READER_H_
