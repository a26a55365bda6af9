#include "lib/query/sqlite/stored_table.h"

#include <fmt/format.h>

#include <map>
#include <string>

#include "lib/store/format_tables.h"
#include "lib/store/schema.h"

namespace pagesnap {
namespace {

// A stored table of all sources together.
class StoredTable {
 public:
  StoredTable(std::string name, SnapshotReader& reader) : name_(std::move(name)), reader_(reader) {
    for (const FormatColumn& column : FormatTables().at(name_)) {
      spaces_.push_back(IdSpaceOf(name_, column.name));
      columns_.push_back({.name = column.name,
                          .type = column.type,
                          .push_down = column.type == kInteger ? PushDown::kEqual : PushDown::kNone,
                          .key = KeyOf(spaces_.back())});
    }
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::vector<TableColumn>& columns() const { return columns_; }
  // Returns which ids a column has, if it has any.
  [[nodiscard]] std::optional<IdSpace> SpaceOf(int column) const { return spaces_[column]; }
  [[nodiscard]] SnapshotReader& reader() const { return reader_; }
  double RowCount() {
    if (row_count_) return *row_count_;
    double rows = 0;
    for (const Source& source : reader_.sources()) {
      Statement statement(*source.database, "SELECT COUNT(*) FROM " + name_);
      statement.Step();
      rows += statement.Real(0);
    }
    return row_count_.emplace(rows);
  }

 private:
  static Key KeyOf(std::optional<IdSpace> space) {
    if (space == IdSpace::kSnapshot) return Key::kSnapshot;
    if (space == IdSpace::kProcess) return Key::kProcess;
    // Every other id names a row or a few.
    return space ? Key::kMapping : Key::kNone;
  }

  std::string name_;
  SnapshotReader& reader_;
  std::vector<TableColumn> columns_;
  std::vector<std::optional<IdSpace>> spaces_;  // of columns_
  std::optional<double> row_count_;
};

class StoredCursor final : public TableCursor {
 public:
  explicit StoredCursor(const StoredTable& table) : table_(table) {}

  void Filter(const std::vector<TableConstraint>& constraints) override {
    constraints_ = constraints;
    where_.clear();
    for (const TableConstraint& constraint : constraints) {
      where_ += fmt::format("{} {} = ?", where_.empty() ? " WHERE" : " AND", constraint.name);
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

  void Column(Out out, int column) override {
    const Statement& row = *(*statements_)[source_];
    if (row.IsNull(column)) return;
    const std::string& type = table_.columns()[column].type;
    if (const auto space = table_.SpaceOf(column)) {
      out(table_.reader().sources()[source_].Global(*space, row.Int(column)));
    } else if (type == kInteger) {
      out(row.Int(column));
    } else if (type == kText) {
      out(row.Text(column));
    } else {
      out.Blob(row.Blob(column));
    }
  }

 private:
  // Binds what is asked for; false when this source has none of it.
  bool Start() {
    const Source& source = table_.reader().sources()[source_];
    std::vector<int64_t> values;
    for (const TableConstraint& constraint : constraints_) {
      std::optional<int64_t> value = constraint.value;
      const std::optional<IdSpace> space = table_.SpaceOf(constraint.column);
      if (value && space) value = source.Local(*space, *value);
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

}  // namespace

void RegisterStoredTables(const TableRegistry& registry, SnapshotReader& reader) {
  for (const auto& [name, columns] : FormatTables()) {
    const auto table = std::make_shared<StoredTable>(name, reader);
    registry.Add({.name = name,
                  .columns = table->columns(),
                  .row_count = [table](const ReaderSize&) { return table->RowCount(); },
                  .open = [table] { return std::make_unique<StoredCursor>(*table); }});
  }
}

}  // namespace pagesnap
