// A virtual table in a connection: what the callbacks of SQLite work with.
#ifndef LIB_QUERY_SQLITE_TABLE_MODULE_H_
#define LIB_QUERY_SQLITE_TABLE_MODULE_H_

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/query/sqlite/virtual_table.h"

namespace pagesnap {

class TableModule {
 public:
  TableModule(VirtualTable table, SnapshotReader& reader, WorkLimit* work)
      : table_(std::move(table)), reader_(reader), work_(work) {
    for (const std::string& name : table_.order) order_.push_back(IndexOf(name));
  }

  [[nodiscard]] const VirtualTable& table() const { return table_; }
  [[nodiscard]] const std::vector<TableColumn>& columns() const { return table_.columns; }
  [[nodiscard]] const std::vector<int>& order() const { return order_; }
  [[nodiscard]] const ReaderSize& size() const { return reader_.size(); }
  [[nodiscard]] double row_count() const { return table_.row_count(size()); }
  [[nodiscard]] double row_cost() const { return table_.row_cost(size()); }
  [[nodiscard]] WorkLimit* work() const { return work_; }

 private:
  [[nodiscard]] int IndexOf(const std::string& name) const {
    const auto found = std::ranges::find(table_.columns, name, &TableColumn::name);
    if (found == table_.columns.end()) {
      throw Error(fmt::format("{} has no column {} to be ordered by", table_.name, name));
    }
    return static_cast<int>(found - table_.columns.begin());
  }

  VirtualTable table_;
  std::vector<int> order_;
  SnapshotReader& reader_;
  WorkLimit* work_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SQLITE_TABLE_MODULE_H_
