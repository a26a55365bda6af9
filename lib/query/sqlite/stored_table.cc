#include "lib/query/sqlite/stored_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>

#include "lib/store/format_tables.h"
#include "lib/store/schema.h"

namespace pagesnap {
namespace {

// The one that a file has copies of rows of.
constexpr std::string_view kCopiedTable = "mapping";

bool HasCopies(const SnapshotReader& reader) {
  return std::ranges::any_of(reader.sources(),
                             [](const Source& source) { return !source.copies->empty(); });
}

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
    if (name_ == kCopiedTable) return row_count_.emplace(reader_.size().mappings);
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

// Hands out a column of a row that has all columns of the table.
void GiveStored(Out out, const StoredTable& table, const Source& source, const Statement& row,
                int column) {
  if (row.IsNull(column)) return;
  const std::string& type = table.columns()[column].type;
  if (const auto space = table.SpaceOf(column)) {
    out(source.Global(*space, row.Int(column)));
  } else if (type == kInteger) {
    out(row.Int(column));
  } else if (type == kText) {
    out(row.Text(column));
  } else {
    out.Blob(row.Blob(column));
  }
}

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
    GiveStored(out, table_, table_.reader().sources()[source_], *(*statements_)[source_], column);
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

// The rows of mapping, with the copies.
class CopiedCursor final : public TableCursor {
 public:
  explicit CopiedCursor(const StoredTable& table) : table_(table) {
    for (const TableColumn& column : table.columns()) {
      if (column.name == "id" || column.name == "process_id") continue;
      names_ += (names_.empty() ? "" : ", ") + column.name;
    }
    cursors_.resize(table.reader().sources().size());
  }

  void Filter(const std::vector<TableConstraint>& constraints) override {
    id_.reset();
    process_id_.reset();
    bool is_possible = true;
    for (const TableConstraint& constraint : constraints) {
      if (!constraint.value) is_possible = false;
      if (constraint.name == "id") id_ = constraint.value;
      if (constraint.name == "process_id") process_id_ = constraint.value;
    }
    source_ = is_possible ? 0 : cursors_.size();
    started_ = false;
    Next();
  }

  void Next() override {
    for (; !AtEnd(); ++source_, started_ = false) {
      if (!started_ && !Start()) continue;
      started_ = true;
      if (cursors_[source_]->Next()) return;
      cursors_[source_]->Reset();
    }
  }

  [[nodiscard]] bool AtEnd() const override { return source_ == cursors_.size(); }

  void Column(Out out, int column) override {
    const Source& source = table_.reader().sources()[source_];
    const MappingRows& cursor = *cursors_[source_];
    if (column == 0) return out(source.Global(IdSpace::kMapping, cursor.id()));
    if (column == 1) return out(source.Global(IdSpace::kProcess, cursor.process_id()));
    // The columns of a MappingRows are in the order of the table, of which these two are first.
    static_assert(MappingRows::kFirstColumn == 2);
    GiveStored(out, table_, source, cursor.row(), column);
  }

 private:
  // Starts the scan of what is asked for; false when this source has none of it.
  bool Start() {
    const Source& source = table_.reader().sources()[source_];
    auto& cursor = cursors_[source_];
    if (cursor == nullptr) {
      cursor = std::make_unique<MappingRows>(*source.database, *source.copies, names_);
    }
    if (id_) {
      const std::optional<int64_t> id = source.Local(IdSpace::kMapping, *id_);
      if (id) cursor->StartOne(*id);
      return id.has_value();
    }
    if (!process_id_) {
      cursor->StartAll();
      return true;
    }
    const std::optional<int64_t> id = source.Local(IdSpace::kProcess, *process_id_);
    if (id) cursor->StartProcess(*id);
    return id.has_value();
  }

  const StoredTable& table_;
  std::string names_;
  std::vector<std::unique_ptr<MappingRows>> cursors_;  // of each source
  std::optional<int64_t> id_, process_id_;             // what is asked for
  size_t source_ = 0;
  bool started_ = false;
};

VirtualTable MakeTable(const std::string& name, SnapshotReader& reader) {
  const auto table = std::make_shared<StoredTable>(name, reader);
  const bool has_copies = name == kCopiedTable && HasCopies(reader);
  return {.name = name,
          .columns = table->columns(),
          .row_count = [table](const ReaderSize&) { return table->RowCount(); },
          .open = [table, has_copies]() -> std::unique_ptr<TableCursor> {
            if (has_copies) return std::make_unique<CopiedCursor>(*table);
            return std::make_unique<StoredCursor>(*table);
          }};
}

}  // namespace

void RegisterStoredTables(const TableRegistry& registry, SnapshotReader& reader) {
  for (const auto& [name, columns] : FormatTables()) registry.Add(MakeTable(name, reader));
}

void RegisterCopiedTables(const TableRegistry& registry, SnapshotReader& reader) {
  if (HasCopies(reader)) registry.AddHiding(MakeTable(std::string(kCopiedTable), reader));
}

}  // namespace pagesnap
