// The SQL function that names a memory cgroup.
#ifndef LIB_QUERY_SQLITE_CGROUP_NAMES_H_
#define LIB_QUERY_SQLITE_CGROUP_NAMES_H_

#include "lib/query/sqlite/sqlite_api.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// Registers cgroup_name(snapshot_id, inode) -> the path of a memory cgroup, 'inode N' where the
// snapshot has no path for it, NULL for 0 (nobody pays) and for NULL. A function and no join: the
// longest reports have it in each of millions of rows. `reader` is borrowed and must outlive the
// connection. Throws Error.
void RegisterCgroupName(sqlite3* connection, const SnapshotReader& reader);

}  // namespace pagesnap

#endif  // LIB_QUERY_SQLITE_CGROUP_NAMES_H_
