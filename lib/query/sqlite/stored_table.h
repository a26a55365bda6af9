// The stored tables of several files as if they were one.
#ifndef LIB_QUERY_SQLITE_STORED_TABLE_H_
#define LIB_QUERY_SQLITE_STORED_TABLE_H_

#include "lib/query/sqlite/virtual_table.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// Registers a virtual table for each stored table, under its name, with the rows of all sources and
// the ids of Source. `reader` is borrowed and must outlive the connection. Throws Error.
void RegisterStoredTables(const TableRegistry& registry, SnapshotReader& reader);

// Hides the table `mapping` of the connection's main database by one that has the copies of
// mapping_copy, too; where the file has any. These are as above. Throws Error.
void RegisterCopiedTables(const TableRegistry& registry, SnapshotReader& reader);

}  // namespace pagesnap

#endif  // LIB_QUERY_SQLITE_STORED_TABLE_H_
