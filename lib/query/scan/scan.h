// What the tables that go mapping by mapping have in common.
#ifndef LIB_QUERY_SCAN_SCAN_H_
#define LIB_QUERY_SCAN_SCAN_H_

#include <vector>

#include "lib/query/scan/page_cut.h"
#include "lib/query/sqlite/virtual_table.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// Visits the mappings that the constraints of a query admit, by process and address. The first
// three columns of the table are snapshot_id, process_id and mapping_id.
class MappingScan {
 public:
  // `reader` is borrowed.
  explicit MappingScan(SnapshotReader& reader) : reader_(reader) {}

  // Starts over. `page_column` is the column with the virtual page number, -1 without one.
  void Start(const std::vector<TableConstraint>& constraints, int page_column = -1);

  // Goes to the next mapping; false behind the last one.
  bool Next();

  [[nodiscard]] const MappingInfo& mapping() const { return mappings_[mapping_index_]; }
  // Returns the mappings of this process that the scan visits.
  [[nodiscard]] const std::vector<MappingInfo>& mappings() const { return mappings_; }
  [[nodiscard]] const PageFilter& filter() const { return filter_; }
  // Returns the part of the address space that the query is about; mappings outside are not
  // visited.
  [[nodiscard]] const PageCut& cut() const { return cut_; }

 private:
  SnapshotReader& reader_;
  PageFilter filter_;
  PageCut cut_;
  std::vector<int64_t> processes_;
  size_t next_process_ = 0;
  std::vector<MappingInfo> mappings_;
  size_t mapping_index_ = 0;
};

// Returns the filter that the constraints amount to, columns as in MappingScan. A constraint that
// no row satisfies gives one that admits nothing.
PageFilter FilterOf(const std::vector<TableConstraint>& constraints, int page_column);

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_SCAN_H_
