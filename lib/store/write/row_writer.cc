#include "lib/store/write/row_writer.h"

namespace pagesnap {
namespace {

// When so much waits, rows come faster than they are written, and whoever adds has to wait.
constexpr size_t kMaxBytesWaiting = size_t{1} << 20;

// The statements are prepared with the tables of the rows.
Database& WithPendingTables(Database& database, const PendingRows::Rows& rows) {
  AddPendingTables(database, rows);
  return database;
}

}  // namespace

RowWriter::RowWriter(Database& database)
    : database_(database), statements_(WithPendingTables(database, writing_)) {}

RowWriter::Access RowWriter::LockAllWritten() {
  Access access = Lock();
  WritePending();
  return access;
}

void RowWriter::WriteIfMany(size_t waiting_bytes, size_t min_bytes) {
  if (waiting_bytes < min_bytes) return;
  std::unique_lock lock(mutex_, std::defer_lock);
  if (waiting_bytes >= kMaxBytesWaiting) {
    lock.lock();
  } else if (!lock.try_lock()) {
    return;
  }
  WritePending();
}

// Needs mutex_.
void RowWriter::WritePending() {
  if (pending_.empty()) return;
  pending_.Take(&writing_);
  if (!writing_.files.empty()) statements_.files.Run(kUnknownInFile);
  if (!writing_.vm_flags.empty()) statements_.vm_flags.Run();
  if (!writing_.mappings.empty()) statements_.mappings.Run();
  if (!writing_.mapping_copies.empty()) statements_.mapping_copies.Run();
  if (!writing_.replaced_files.empty()) statements_.replaced_files.Run();
  if (!writing_.contents.empty()) statements_.contents.Run();
  if (!writing_.chunks.empty()) statements_.chunks.Run();
  writing_.files.clear();
  writing_.replaced_files.clear();
  writing_.vm_flags.clear();
  writing_.mappings.clear();
  writing_.mapping_copies.clear();
  writing_.contents.clear();
  writing_.chunks.clear();
}

}  // namespace pagesnap
