// Virtual tables with rows of a mapping each: figures that are computed when a scan gets there.
#ifndef LIB_QUERY_SCAN_MAPPING_TABLE_H_
#define LIB_QUERY_SCAN_MAPPING_TABLE_H_

#include <span>
#include <string>
#include <vector>

#include "lib/query/scan/scan.h"
#include "lib/query/sqlite/virtual_table.h"

namespace pagesnap {

// A scan by process and mapping.
class MappingCursor : public TableCursor {
 public:
  // `reader` is borrowed.
  explicit MappingCursor(SnapshotReader& reader) : scan_(reader) {}

  void Filter(const std::vector<TableConstraint>& constraints) override;
  void Next() override;
  [[nodiscard]] bool AtEnd() const override { return at_end_; }

  [[nodiscard]] const MappingInfo& mapping() const { return scan_.mapping(); }
  [[nodiscard]] const PageCut& cut() const { return scan_.cut(); }

 protected:
  // The scan comes to the next process; these are the mappings that it will visit.
  virtual void Enter(std::span<const MappingInfo> mappings) { static_cast<void>(mappings); }
  // The scan comes to a mapping. Returns how many rows it has.
  virtual size_t Load(const MappingInfo& mapping) = 0;

  // Of those rows the current one.
  [[nodiscard]] size_t row() const { return row_; }

 private:
  MappingScan scan_;
  int64_t process_id_ = 0;
  size_t row_ = 0;
  size_t row_count_ = 0;
  bool at_end_ = true;
};

// Returns the three columns that MappingScan wants, and these behind them. Cursor has mapping().
template <typename Cursor>
std::vector<CursorColumn<Cursor>> WithMappingKey(std::vector<CursorColumn<Cursor>> columns) {
  const CursorColumn<Cursor> keys[] = {
      {{"snapshot_id", kInteger, "", "", PushDown::kExact, Key::kSnapshot},
       [](auto& row, Out out) { out(row.mapping().snapshot_id); }},
      {{"process_id", kInteger, "", "", PushDown::kExact, Key::kProcess},
       [](auto& row, Out out) { out(row.mapping().process_id); }},
      {{"mapping_id", kInteger, "", "", PushDown::kExact, Key::kMapping},
       [](auto& row, Out out) { out(row.mapping().id); }}};
  columns.insert(columns.begin(), std::begin(keys), std::end(keys));
  return columns;
}

// The order of such rows.
inline const std::vector<std::string> kByMapping = {"process_id", "mapping_id"};

// An estimate of one row for each mapping.
inline double MappingCount(const ReaderSize& size) { return size.mappings; }
// What a row costs when every page of its mapping is looked at.
inline double CostOfPages(const ReaderSize& size) { return 1 + 0.1 * size.pages / size.mappings; }

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_MAPPING_TABLE_H_
