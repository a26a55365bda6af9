// Virtual tables that are all in their cursor.
#ifndef LIB_QUERY_SQLITE_PLAIN_TABLE_H_
#define LIB_QUERY_SQLITE_PLAIN_TABLE_H_

#include <memory>
#include <vector>

#include "lib/query/sqlite/virtual_table.h"

namespace pagesnap {

// A table without order. Cursor is a TableCursor that is made of a SnapshotReader.
template <typename Cursor>
class PlainTable final : public VirtualTable {
 public:
  // All are borrowed. `row_count`: about how many rows it has.
  PlainTable(const char* name, const std::vector<TableColumn>& columns, double row_count,
             SnapshotReader& reader)
      : name_(name), columns_(columns), row_count_(row_count), reader_(reader) {}
  [[nodiscard]] const char* name() const override { return name_; }
  [[nodiscard]] const std::vector<TableColumn>& columns() const override { return columns_; }
  [[nodiscard]] double row_count() const override { return row_count_; }
  [[nodiscard]] const ReaderSize& size() const override { return reader_.size(); }
  [[nodiscard]] std::vector<int> order() const override { return {}; }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<Cursor>(reader_);
  }

 private:
  const char* name_;
  const std::vector<TableColumn>& columns_;
  double row_count_;
  SnapshotReader& reader_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SQLITE_PLAIN_TABLE_H_
