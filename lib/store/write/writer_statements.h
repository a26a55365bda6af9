// The statements by which SnapshotWriter writes.
#ifndef LIB_STORE_WRITE_WRITER_STATEMENTS_H_
#define LIB_STORE_WRITE_WRITER_STATEMENTS_H_

#include "lib/store/sqlite/statement.h"
#include "lib/store/write/pending_rows.h"

namespace pagesnap {

// Adds the tables pending_NAME to the connection: each has what is in a member of `rows` when it is
// read. `rows` is borrowed and must live as long as the connection reads them. Throws Error.
void AddPendingTables(const Database& database, const PendingRows::Rows& rows);

// What stands for NULL in the integers of a row of files.
inline constexpr int64_t kUnknownInFile = INT64_MIN;

// Prepared once for a file. Those named like a table insert a row, or all rows that wait in the
// table pending_NAME; the others change one.
struct WriterStatements {
  // `database` has the schema and the tables pending_NAME; it must outlive this. Throws Error.
  explicit WriterStatements(const Database& database);

  Statement snapshot, process, mapping_count, stop, ended, memory_of, mappings, mapping_copies,
      changed_count, files, replaced_files, vm_flags, accounting, contents, select_content, chunks,
      frame_content, select_frames, frames, ram, sources, frozen, gap, cost, counters;
};

}  // namespace pagesnap

#endif  // LIB_STORE_WRITE_WRITER_STATEMENTS_H_
