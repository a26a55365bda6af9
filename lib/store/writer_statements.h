// The statements by which SnapshotWriter writes.
#ifndef LIB_STORE_WRITER_STATEMENTS_H_
#define LIB_STORE_WRITER_STATEMENTS_H_

#include "lib/store/sqlite.h"

namespace pagesnap {

// Prepared once for a file. Those named like a table insert a row, or all rows that wait in the
// table pending_NAME; the others change one.
struct WriterStatements {
  // `database` has the schema and the tables pending_mapping, pending_page_content and
  // pending_page_chunk; it must outlive this. Throws Error.
  explicit WriterStatements(const Database& database);

  Statement snapshot, process, mapping_count, stop, mappings, mapping_flags, changed_count, file,
      vm_flags, accounting, contents, select_content, chunks, frame_content, select_frames, frames,
      sources, gap, cost;
};

}  // namespace pagesnap

#endif  // LIB_STORE_WRITER_STATEMENTS_H_
