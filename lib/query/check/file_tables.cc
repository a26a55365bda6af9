// The virtual tables `snapshot_file` and `database_check`: about the files themselves.
#include "lib/query/sqlite/plain_table.h"
#include "lib/query/tables.h"

namespace pagesnap {
namespace {

const std::vector<TableColumn> kFileColumns = {
    {"snapshot_id", "INTEGER"}, {"number", "INTEGER"}, {"path", "TEXT"}};
const std::vector<TableColumn> kCheckColumns = {{"path", "TEXT"}, {"problem", "TEXT"}};

class SnapshotFileCursor final : public TableCursor {
 public:
  explicit SnapshotFileCursor(SnapshotReader& reader) : reader_(reader) {}
  void Filter(const std::vector<TableConstraint>&) override { index_ = 0; }
  void Next() override { ++index_; }
  [[nodiscard]] bool AtEnd() const override { return index_ == reader_.snapshots().size(); }
  void Column(sqlite3_context* context, int column) override {
    const int64_t id = reader_.snapshots()[index_].id;
    const Source& source = reader_.SourceOf(IdSpace::kSnapshot, id);
    if (column == 0) return Result(context, id);
    if (column == 1) return Result(context, source.Local(IdSpace::kSnapshot, id));
    Result(context, std::string_view(source.database->label()));
  }

 private:
  SnapshotReader& reader_;
  size_t index_ = 0;
};

// A row with a NULL for a sound file, else a row per problem.
class DatabaseCheckCursor final : public TableCursor {
 public:
  explicit DatabaseCheckCursor(SnapshotReader& reader) : reader_(reader) {}
  void Filter(const std::vector<TableConstraint>&) override {
    next_source_ = 0;
    statement_.reset();
    Next();
  }
  void Next() override {
    while (statement_ == nullptr || !statement_->Step()) {
      at_end_ = next_source_ == reader_.sources().size();
      if (at_end_) return;
      database_ = reader_.sources()[next_source_++].database;
      statement_ = std::make_unique<Statement>(*database_, "PRAGMA integrity_check");
    }
    at_end_ = false;
  }
  [[nodiscard]] bool AtEnd() const override { return at_end_; }
  void Column(sqlite3_context* context, int column) override {
    if (column == 0) return Result(context, std::string_view(database_->label()));
    if (statement_->Text(0) != "ok") Result(context, statement_->Text(0));
  }

 private:
  SnapshotReader& reader_;
  size_t next_source_ = 0;
  const Database* database_ = nullptr;
  std::unique_ptr<Statement> statement_;
  bool at_end_ = true;
};

double RowCount(const SnapshotReader& reader) {
  return static_cast<double>(reader.snapshots().size() + 1);
}

}  // namespace

std::unique_ptr<VirtualTable> MakeSnapshotFileTable(SnapshotReader& reader) {
  return std::make_unique<PlainTable<SnapshotFileCursor>>("snapshot_file", kFileColumns,
                                                          RowCount(reader), reader);
}

std::unique_ptr<VirtualTable> MakeDatabaseCheckTable(SnapshotReader& reader) {
  return std::make_unique<PlainTable<DatabaseCheckCursor>>("database_check", kCheckColumns,
                                                           RowCount(reader), reader);
}

}  // namespace pagesnap
