#include "lib/query/sqlite/stored_table.h"

#include <fmt/format.h>

#include <map>
#include <string>

#include "lib/store/format_tables.h"
#include "lib/store/schema.h"

namespace pagesnap {
namespace {

// A column as the file has it.
struct StoredColumn {
  std::string name;
  std::string type;
  std::optional<IdSpace> space;
};

class StoredTable final : public VirtualTable {
 public:
  StoredTable(std::string table, SnapshotReader& reader)
      : table_(std::move(table)), reader_(reader) {
    for (const FormatColumn& column : FormatTables().at(table_)) {
      stored_.push_back({column.name, column.type, IdSpaceOf(table_, column.name)});
    }
    for (const StoredColumn& column : stored_) {
      const bool is_integer = column.type == "INTEGER";
      columns_.push_back({column.name.c_str(), column.type.c_str(),
                          is_integer ? PushDown::kEqual : PushDown::kNone, KeyOf(column)});
    }
  }

  [[nodiscard]] const char* name() const override { return table_.c_str(); }
  [[nodiscard]] const std::vector<TableColumn>& columns() const override { return columns_; }
  [[nodiscard]] double row_count() const override {
    if (row_count_) return *row_count_;
    double rows = 0;
    for (const Source& source : reader_.sources()) {
      Statement statement(*source.database, "SELECT COUNT(*) FROM " + table_);
      statement.Step();
      rows += statement.Real(0);
    }
    return row_count_.emplace(rows);
  }
  [[nodiscard]] const ReaderSize& size() const override { return reader_.size(); }
  [[nodiscard]] std::vector<int> order() const override { return {}; }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override;

  [[nodiscard]] const std::vector<StoredColumn>& stored() const { return stored_; }
  [[nodiscard]] SnapshotReader& reader() const { return reader_; }

 private:
  static Key KeyOf(const StoredColumn& column) {
    if (column.space == IdSpace::kSnapshot) return Key::kSnapshot;
    if (column.space == IdSpace::kProcess) return Key::kProcess;
    // Every other id names a row or a few.
    return column.space ? Key::kMapping : Key::kNone;
  }

  std::string table_;
  SnapshotReader& reader_;
  std::vector<StoredColumn> stored_;
  std::vector<TableColumn> columns_;  // their names are those of stored_
  mutable std::optional<double> row_count_;
};

class StoredCursor final : public TableCursor {
 public:
  explicit StoredCursor(const StoredTable& table) : table_(table) {}

  void Filter(const std::vector<TableConstraint>& constraints) override {
    constraints_ = constraints;
    where_.clear();
    for (const TableConstraint& constraint : constraints) {
      where_ += fmt::format("{} {} = ?", where_.empty() ? " WHERE" : " AND",
                            table_.stored()[constraint.column].name);
    }
    statements_ = &prepared_[where_];
    statements_->resize(table_.reader().sources().size());
    source_ = 0;
    started_ = false;
    Next();
  }

  void Next() override {
    for (; !AtEnd(); ++source_, started_ = false) {
      if (!started_ && !Start()) continue;
      started_ = true;
      if ((*statements_)[source_]->Step()) return;
      // Who reads all of a table does not come back soon, and there may be a thousand files.
      if (constraints_.empty()) (*statements_)[source_].reset();
    }
  }

  [[nodiscard]] bool AtEnd() const override { return source_ == statements_->size(); }

  void Column(sqlite3_context* context, int column) override {
    const Statement& row = *(*statements_)[source_];
    if (row.IsNull(column)) return;
    const StoredColumn& stored = table_.stored()[column];
    if (stored.space) {
      Result(context, table_.reader().sources()[source_].Global(*stored.space, row.Int(column)));
    } else if (stored.type == "INTEGER") {
      Result(context, row.Int(column));
    } else if (stored.type == "TEXT") {
      Result(context, row.Text(column));
    } else {
      ByteSpan blob = row.Blob(column);
      sqlite3_result_blob64(context, blob.empty() ? "" : static_cast<const void*>(blob.data()),
                            blob.size(), SQLITE_TRANSIENT);
    }
  }

 private:
  // Binds what is asked for; false when this source has none of it.
  bool Start() {
    const Source& source = table_.reader().sources()[source_];
    std::vector<int64_t> values;
    for (const TableConstraint& constraint : constraints_) {
      std::optional<int64_t> value = constraint.value;
      const StoredColumn& column = table_.stored()[constraint.column];
      if (value && column.space) value = source.Local(*column.space, *value);
      if (!value) return false;
      values.push_back(*value);
    }
    std::unique_ptr<Statement>& statement = (*statements_)[source_];
    if (statement == nullptr) {
      statement = std::make_unique<Statement>(
          *source.database, fmt::format("SELECT * FROM {}{}", table_.name(), where_));
    }
    statement->Reset();
    for (size_t i = 0; i < values.size(); ++i) {
      statement->Bind(static_cast<int>(i) + 1, values[i]);
    }
    return true;
  }

  const StoredTable& table_;
  std::vector<TableConstraint> constraints_;
  std::string where_;
  // A statement per source for each set of columns that was asked by, prepared when it is needed.
  std::map<std::string, std::vector<std::unique_ptr<Statement>>> prepared_;
  std::vector<std::unique_ptr<Statement>>* statements_ = nullptr;
  size_t source_ = 0;
  bool started_ = false;
};

std::unique_ptr<TableCursor> StoredTable::Open() { return std::make_unique<StoredCursor>(*this); }

}  // namespace

void RegisterStoredTables(sqlite3* connection, SnapshotReader& reader) {
  for (const auto& [table, columns] : FormatTables()) {
    RegisterTable(connection, std::make_unique<StoredTable>(table, reader));
  }
}

}  // namespace pagesnap
