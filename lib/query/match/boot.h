// Whether two snapshots are of one boot of one machine: only then frames, inodes and pids are the
// same things.
#ifndef LIB_QUERY_MATCH_BOOT_H_
#define LIB_QUERY_MATCH_BOOT_H_

#include <cstdint>

#include "lib/query/sqlite/sqlite_api.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

enum class SameBoot { kNo, kYes, kUnknown };

// Compares the boot ids; not the host names, of which a boot can have several. One capture writes a
// file, so the snapshots of a file are of one boot also when the kernel did not say of which.
// Throws Error when there is no such snapshot.
SameBoot CompareBoots(const SnapshotReader& reader, int64_t before_snapshot_id,
                      int64_t after_snapshot_id);

// Registers same_boot(before_snapshot_id, after_snapshot_id) -> 1, 0, or NULL for unknown. `reader`
// is borrowed and must outlive the connection. Throws Error.
void RegisterSameBoot(sqlite3* connection, SnapshotReader& reader);

}  // namespace pagesnap

#endif  // LIB_QUERY_MATCH_BOOT_H_
