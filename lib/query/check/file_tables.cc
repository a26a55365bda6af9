// The virtual tables `snapshot_file` and `database_check`: about the files themselves.
#include "lib/query/check/tables.h"

namespace pagesnap {
namespace {

class SnapshotFileCursor final : public TableCursor {
 public:
  explicit SnapshotFileCursor(SnapshotReader& reader) : reader_(reader) {}

  static const std::vector<CursorColumn<SnapshotFileCursor>> kColumns;

  void Filter(const std::vector<TableConstraint>&) override { index_ = 0; }
  void Next() override { ++index_; }
  [[nodiscard]] bool AtEnd() const override { return index_ == reader_.snapshots().size(); }
  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 private:
  [[nodiscard]] int64_t id() const { return reader_.snapshots()[index_].id; }
  [[nodiscard]] const Source& source() const { return reader_.SourceOf(IdSpace::kSnapshot, id()); }

  SnapshotReader& reader_;
  size_t index_ = 0;
};

const std::vector<CursorColumn<SnapshotFileCursor>> SnapshotFileCursor::kColumns = {
    {{"snapshot_id", kInteger}, [](auto& row, Out out) { out(row.id()); }},
    {{"number", kInteger},
     [](auto& row, Out out) { out(row.source().Local(IdSpace::kSnapshot, row.id())); }},
    {{"path", kText},
     [](auto& row, Out out) { out(std::string_view(row.source().database->label())); }},
};

// A row with a NULL for a sound file, else a row per problem.
class DatabaseCheckCursor final : public TableCursor {
 public:
  explicit DatabaseCheckCursor(SnapshotReader& reader) : reader_(reader) {}

  static const std::vector<CursorColumn<DatabaseCheckCursor>> kColumns;

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
  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 private:
  SnapshotReader& reader_;
  size_t next_source_ = 0;
  const Database* database_ = nullptr;
  std::unique_ptr<Statement> statement_;
  bool at_end_ = true;
};

const std::vector<CursorColumn<DatabaseCheckCursor>> DatabaseCheckCursor::kColumns = {
    {{"path", kText}, [](auto& row, Out out) { out(std::string_view(row.database_->label())); }},
    {{"problem", kText, "", "the file is sound"},
     [](auto& row, Out out) {
       if (row.statement_->Text(0) != "ok") out(row.statement_->Text(0));
     }},
};

double RowCount(const ReaderSize& size) { return size.snapshots + 1; }

}  // namespace

VirtualTable MakeSnapshotFileTable(AnalysisCache& cache) {
  return {.name = "snapshot_file",
          .columns = Describe(SnapshotFileCursor::kColumns),
          .row_count = RowCount,
          .open = [&cache] { return std::make_unique<SnapshotFileCursor>(cache.reader()); }};
}

VirtualTable MakeDatabaseCheckTable(AnalysisCache& cache) {
  return {.name = "database_check",
          .columns = Describe(DatabaseCheckCursor::kColumns),
          .row_count = RowCount,
          .open = [&cache] { return std::make_unique<DatabaseCheckCursor>(cache.reader()); }};
}

}  // namespace pagesnap
