// Rows on their way into the database: threads add them, and one at a time writes those of all.
#ifndef LIB_STORE_WRITE_ROW_WRITER_H_
#define LIB_STORE_WRITE_ROW_WRITER_H_

#include <cstddef>
#include <mutex>
#include <utility>

#include "lib/store/sqlite/database.h"
#include "lib/store/write/pending_rows.h"
#include "lib/store/write/writer_statements.h"

namespace pagesnap {

// Rows are written by hundreds, by whichever thread has just added one, while the others go on.
// Used by several threads at once.
class RowWriter {
 public:
  // Of one thread as long as this exists.
  class Access {
   public:
    Access(std::unique_lock<std::mutex> lock, RowWriter& writer)
        : lock_(std::move(lock)), writer_(writer) {}
    WriterStatements* operator->() const { return &writer_.statements_; }
    [[nodiscard]] Database& database() const { return writer_.database_; }

   private:
    std::unique_lock<std::mutex> lock_;
    RowWriter& writer_;
  };

  // `database` is borrowed and has the schema. Throws Error.
  explicit RowWriter(Database& database);

  // Returns the database; rows that were added need not be there yet.
  Access Lock() { return {std::unique_lock(mutex_), *this}; }
  // Returns it with all rows that were added before. Throws Error when they cannot be written.
  Access LockAllWritten();

  // Where rows are added. They are written by WriteIfMany() or LockAllWritten().
  PendingRows& pending() { return pending_; }

  // Writes what waits if it is at least `min_bytes` and no other thread is writing; `waiting_bytes`
  // is the result of PendingRows::Add(). Waits for the other when too much waits. Throws Error.
  void WriteIfMany(size_t waiting_bytes, size_t min_bytes = size_t{32} << 10);

 private:
  void WritePending();

  Database& database_;
  PendingRows pending_;
  std::mutex mutex_;           // guards what follows, and the database
  PendingRows::Rows writing_;  // those that are being written
  WriterStatements statements_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_WRITE_ROW_WRITER_H_
