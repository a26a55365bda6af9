// Virtual tables with rows of a mapping each: figures that are computed when a scan gets there.
#ifndef LIB_QUERY_SCAN_MAPPING_TABLE_H_
#define LIB_QUERY_SCAN_MAPPING_TABLE_H_

#include <span>
#include <vector>

#include "lib/query/scan/scan.h"
#include "lib/query/sqlite/virtual_table.h"

namespace pagesnap {

// A scan by process and mapping. The first three columns are snapshot_id, process_id and
// mapping_id, and then come the figures.
class MappingCursor : public TableCursor {
 public:
  // `reader` is borrowed.
  explicit MappingCursor(SnapshotReader& reader) : scan_(reader) {}

  void Filter(const std::vector<TableConstraint>& constraints) override;
  void Next() override;
  [[nodiscard]] bool AtEnd() const override { return at_end_; }
  void Column(sqlite3_context* context, int column) override;

 protected:
  // The scan comes to the next process; these are the mappings that it will visit.
  virtual void Enter(std::span<const MappingInfo> mappings) { static_cast<void>(mappings); }
  // The scan comes to a mapping. Returns how many rows it has.
  virtual size_t Load(const MappingInfo& mapping) = 0;
  // Sets the result of a column of row `row` of that mapping; the first figure is number 0.
  virtual void FigureColumn(sqlite3_context* context, size_t row, int figure) = 0;

 private:
  MappingScan scan_;
  int64_t process_id_ = 0;
  size_t row_ = 0;
  size_t row_count_ = 0;
  bool at_end_ = true;
};

// Returns the three key columns and these behind them.
std::vector<TableColumn> WithMappingKey(std::initializer_list<TableColumn> figures);

// A table of such rows, with one for each mapping unless row_count() says otherwise.
class MappingTable : public VirtualTable {
 public:
  // All are borrowed.
  MappingTable(const char* name, const std::vector<TableColumn>& columns, SnapshotReader& reader)
      : reader_(reader), name_(name), columns_(columns) {}
  [[nodiscard]] const char* name() const override { return name_; }
  [[nodiscard]] const std::vector<TableColumn>& columns() const override { return columns_; }
  [[nodiscard]] double row_count() const override { return reader_.size().mappings; }
  [[nodiscard]] const ReaderSize& size() const override { return reader_.size(); }
  [[nodiscard]] std::vector<int> order() const override { return {1, 2}; }

 protected:
  // Returns what a row costs when every page of its mapping is looked at.
  [[nodiscard]] double CostOfPages() const { return 1 + 0.1 * size().pages / size().mappings; }

  SnapshotReader& reader_;

 private:
  const char* name_;
  const std::vector<TableColumn>& columns_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_MAPPING_TABLE_H_
