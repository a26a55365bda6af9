#include "lib/query/scan/mapping_table.h"

namespace pagesnap {
namespace {

enum KeyColumn { kSnapshotId, kProcessId, kMappingId, kFirstFigure };

}  // namespace

void MappingCursor::Filter(const std::vector<TableConstraint>& constraints) {
  scan_.Start(constraints);
  process_id_ = 0;
  row_ = 0;
  row_count_ = 0;
  Next();
}

void MappingCursor::Next() {
  at_end_ = false;
  if (++row_ < row_count_) return;
  row_ = 0;
  do {
    at_end_ = !scan_.Next();
    if (at_end_) return;
    if (scan_.mapping().process_id != process_id_) {
      process_id_ = scan_.mapping().process_id;
      Enter(scan_.mappings());
    }
    row_count_ = Load(scan_.mapping());
  } while (row_count_ == 0);
}

void MappingCursor::Column(sqlite3_context* context, int column) {
  if (column == kSnapshotId) Result(context, scan_.mapping().snapshot_id);
  if (column == kProcessId) Result(context, scan_.mapping().process_id);
  if (column == kMappingId) Result(context, scan_.mapping().id);
  if (column >= kFirstFigure) FigureColumn(context, row_, column - kFirstFigure);
}

std::vector<TableColumn> WithMappingKey(std::initializer_list<TableColumn> figures) {
  std::vector<TableColumn> columns = {{"snapshot_id", "INTEGER", PushDown::kExact, Key::kSnapshot},
                                      {"process_id", "INTEGER", PushDown::kExact, Key::kProcess},
                                      {"mapping_id", "INTEGER", PushDown::kExact, Key::kMapping}};
  columns.insert(columns.end(), figures);
  return columns;
}

}  // namespace pagesnap
