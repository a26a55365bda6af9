#include "lib/query/scan/mapping_table.h"

namespace pagesnap {
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

}  // namespace pagesnap
