#include "lib/query/scan/capture_scope.h"

#include "lib/store/sqlite/fact_tables.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {
namespace {

// Returns whether the snapshot has all processes by its system facts: those that were selected are
// all of the machine, and none was started until the end.
bool SelectedAll(const Database& database, int64_t local_id) {
  Statement all = SelectFacts(database, kSystemFacts, "1",
                              "AND name = 'capture.all_processes' AND value = 'yes'");
  all.Bind(1, local_id);
  if (!all.Step()) return false;
  Statement started =
      SelectFacts(database, kSystemFacts, "1", "AND name = 'capture.started_meanwhile'");
  started.Bind(1, local_id);
  return !started.Step();
}

}  // namespace

CaptureScope::CaptureScope(const SnapshotReader& reader, int64_t snapshot_id) {
  const Source& source = reader.SourceOf(IdSpace::kSnapshot, snapshot_id);
  const int64_t local_id = *source.Local(IdSpace::kSnapshot, snapshot_id);
  has_all_ = SelectedAll(*source.database, local_id);
  Statement gap(*source.database,
                "SELECT process_id FROM gap "
                "WHERE snapshot_id = ? AND source IN ('stat', 'maps', 'pagemap')");
  gap.Bind(1, local_id);
  while (gap.Step()) {
    has_all_ = false;
    if (!gap.IsNull(0)) partial_.insert(source.Global(IdSpace::kProcess, gap.Int(0)));
  }
  Statement ended(*source.database, "SELECT id FROM process WHERE snapshot_id = ? AND ended");
  ended.Bind(1, local_id);
  while (ended.Step()) partial_.insert(source.Global(IdSpace::kProcess, ended.Int(0)));
}

}  // namespace pagesnap
