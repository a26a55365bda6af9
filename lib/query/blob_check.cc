// The virtual table `blob_check`: verifies every stored blob.
#include <fmt/format.h>

#include "lib/base/error.h"
#include "lib/codec/accounting_table.h"
#include "lib/codec/checksum.h"
#include "lib/codec/frame_columns.h"
#include "lib/codec/page_words.h"
#include "lib/query/tables.h"

namespace pagesnap {
namespace {

enum Column { kTable, kKey, kBytes, kProblem };

const std::vector<TableColumn> kColumns = {
    {"table_name", "TEXT"}, {"key", "TEXT"}, {"byte_count", "INTEGER"}, {"problem", "TEXT"}};

// What a blob of a table must decode to: `count` pages, frames or rows.
void Decode(std::string_view table, ByteSpan blob, int64_t count) {
  if (count < 0) throw Error("its count is negative");
  if (table == "page_content") {
    if (count < 1 || count > kPagesPerChunk) throw Error("its page_count is impossible");
    std::vector<uint64_t> words(static_cast<size_t>(count));
    DecodePageWords(blob, words);
  } else if (table == "frame_chunk") {
    if (count > kFramesPerChunk) throw Error("its frame_count is impossible");
    DecodeFrameColumns(blob, static_cast<uint32_t>(count));
  } else {
    AccountingTable(blob, static_cast<uint64_t>(count));
  }
}

class BlobCheckCursor final : public TableCursor {
 public:
  explicit BlobCheckCursor(SnapshotReader& reader) : reader_(reader) {}

  void Filter(const std::vector<TableConstraint>&) override {
    next_source_ = 0;
    at_end_ = false;
    statement_.reset();
    Next();
  }
  void Next() override {
    problem_.reset();
    while (statement_ == nullptr || !statement_->Step()) {
      at_end_ = next_source_ == reader_.sources().size();
      if (at_end_) return;
      Open(reader_.sources()[next_source_++]);
    }
    Check();
  }
  [[nodiscard]] bool AtEnd() const override { return at_end_; }
  void Column(sqlite3_context* context, int column) override {
    if (column == kTable || column == kKey) return Result(context, statement_->Text(column));
    if (column == kBytes) {
      return Result(context, static_cast<int64_t>(statement_->Blob(2).size()));
    }
    if (problem_) Result(context, std::string_view(*problem_));
  }

 private:
  void Open(const Source& source) {
    // The rows of kernel_accounting belong to mappings: that bounds what a blob may unpack to.
    statement_ = std::make_unique<Statement>(
        *source.database,
        "SELECT 'page_content', 'id ' || (id + ?1), words, checksum, page_count, 1 "
        "FROM page_content "
        "UNION ALL SELECT 'frame_chunk', 'snapshot_id ' || (snapshot_id + ?2) || ', first_pfn ' || "
        "first_pfn, columns, checksum, frame_count, 1 FROM frame_chunk "
        "UNION ALL SELECT 'kernel_accounting', 'process_id ' || (process_id + ?3), figures, "
        "checksum, row_count, row_count <= (SELECT COUNT(*) FROM mapping m "
        "WHERE m.process_id = a.process_id) FROM kernel_accounting a");
    statement_->Bind(1, source.Global(IdSpace::kContent, 0));
    statement_->Bind(2, source.Global(IdSpace::kSnapshot, 0));
    statement_->Bind(3, source.Global(IdSpace::kProcess, 0));
  }

  void Check() {
    ByteSpan blob = statement_->Blob(2);
    if (BlobChecksum(blob) != statement_->Int(3)) {
      problem_ = "it does not match its checksum";
      return;
    }
    if (statement_->Int(5) == 0) {
      problem_ = "it has more rows than the process has mappings";
      return;
    }
    try {
      Decode(statement_->Text(0), blob, statement_->Int(4));
    } catch (const Error& error) {
      problem_ = error.what();
    }
  }

  SnapshotReader& reader_;
  size_t next_source_ = 0;
  std::unique_ptr<Statement> statement_;
  std::optional<std::string> problem_;
  bool at_end_ = true;
};

class BlobCheckTable final : public VirtualTable {
 public:
  explicit BlobCheckTable(SnapshotReader& reader) : reader_(reader) {}
  [[nodiscard]] const char* name() const override { return "blob_check"; }
  [[nodiscard]] const std::vector<TableColumn>& columns() const override { return kColumns; }
  [[nodiscard]] double row_count() const override { return 1e4; }
  [[nodiscard]] const ReaderSize& size() const override { return reader_.size(); }
  [[nodiscard]] std::vector<int> order() const override { return {}; }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<BlobCheckCursor>(reader_);
  }

 private:
  SnapshotReader& reader_;
};

}  // namespace

std::unique_ptr<VirtualTable> MakeBlobCheckTable(SnapshotReader& reader) {
  return std::make_unique<BlobCheckTable>(reader);
}

}  // namespace pagesnap
