// The virtual table `blob_check`: verifies every stored blob.
#include <fmt/format.h>

#include "lib/base/error.h"
#include "lib/codec/checksum.h"
#include "lib/query/check/tables.h"
#include "lib/store/frames/ram_table.h"
#include "lib/store/read/accounting_reader.h"
#include "lib/store/read/counter_reader.h"
#include "lib/store/sqlite/stored_blob.h"

namespace pagesnap {
namespace {

class BlobCheckCursor final : public TableCursor {
 public:
  explicit BlobCheckCursor(SnapshotReader& reader) : reader_(reader) {}

  static const std::vector<CursorColumn<BlobCheckCursor>> kColumns;

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
  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 private:
  void Open(const Source& source) {
    // The rows of kernel_accounting belong to mappings: that bounds what a blob may unpack to.
    statement_ = std::make_unique<Statement>(
        *source.database,
        "SELECT 'page_content', 'id ' || (id + ?1), words, checksum, id, 0, 0 FROM page_content "
        "UNION ALL SELECT 'frame_content', 'id ' || (id + ?2), facts, checksum, id, 0, 0 "
        "FROM frame_content "
        "UNION ALL SELECT 'kernel_accounting', 'process_id ' || (process_id + ?3), figures, "
        "checksum, row_count, (SELECT COUNT(*) FROM main.mapping m "
        "WHERE m.process_id = a.process_id), process_id FROM kernel_accounting a "
        "UNION ALL SELECT 'machine_counters', 'snapshot_id ' || (snapshot_id + ?4), figures, "
        "checksum, snapshot_id, 0, 0 FROM machine_counters "
        "UNION ALL SELECT 'ram_chunk', 'snapshot_id ' || (id + ?4), x'', 0, id, 0, 0 "
        "FROM snapshot s WHERE EXISTS (SELECT 1 FROM ram_chunk c WHERE c.snapshot_id = s.id)");
    statement_->Bind(4, source.OffsetOf(IdSpace::kSnapshot));
    statement_->Bind(1, source.OffsetOf(IdSpace::kContent));
    statement_->Bind(2, source.OffsetOf(IdSpace::kFrameContent));
    statement_->Bind(3, source.OffsetOf(IdSpace::kProcess));
    database_ = source.database;
    copies_ = source.copies.get();
    accounting_ = std::make_unique<AccountingReader>(source);
    select_content_ = std::make_unique<Statement>(*database_, kSelectContent);
    select_frames_ = std::make_unique<Statement>(*database_, kSelectFrameContent);
  }

  // Decodes the blob of the current row, with those it is coded against.
  void Decode() {
    StoredBlob stored;
    if (statement_->Text(0) == "page_content") {
      std::vector<uint64_t> words;
      FetchContent(*select_content_, *database_, statement_->Int(4), &stored);
      DecodeContent(stored, &words);
    } else if (statement_->Text(0) == "frame_content") {
      FetchFrameContent(*select_frames_, *database_, statement_->Int(4), &stored);
      DecodeFrameContent(stored);
    } else if (statement_->Text(0) == "machine_counters") {
      ReadCountersOf(*database_, statement_->Int(4));
    } else if (statement_->Int(4) < 0) {
      throw Error("its row_count is negative");
    } else {
      accounting_->ReadStored(statement_->Int(6));
    }
  }

  // Says what is wrong with the chunks of RAM of a snapshot, whose blobs have rows of their own.
  void CheckRam(int64_t snapshot_id) {
    try {
      const RamTable ram(*database_, snapshot_id);
      Statement missing(*database_,
                        "SELECT MIN(frame_content_id) FROM ram_chunk WHERE snapshot_id = ? "
                        "AND frame_content_id NOT IN (SELECT id FROM frame_content)");
      missing.Bind(1, snapshot_id);
      if (missing.Step() && !missing.IsNull(0)) {
        problem_ = fmt::format("frame_content {} is not there", missing.Int(0));
      }
    } catch (const Error& error) {
      problem_ = error.what();
    }
  }

  void Check() {
    if (statement_->Text(0) == "ram_chunk") {
      CheckRam(statement_->Int(4));
      return;
    }
    ByteSpan blob = statement_->Blob(2);
    if (BlobChecksum(blob) != statement_->Int(3)) {
      problem_ = "it does not match its checksum";
      return;
    }
    if (statement_->Text(0) == "kernel_accounting" &&
        statement_->Int(4) > statement_->Int(5) + copies_->CountOf(statement_->Int(6))) {
      problem_ = "it has more rows than the process has mappings";
      return;
    }
    try {
      Decode();
    } catch (const Error& error) {
      problem_ = error.what();
    }
  }

  SnapshotReader& reader_;
  size_t next_source_ = 0;
  const Database* database_ = nullptr;
  const MappingCopies* copies_ = nullptr;
  std::unique_ptr<AccountingReader> accounting_;
  std::unique_ptr<Statement> statement_, select_content_, select_frames_;
  std::optional<std::string> problem_;
  bool at_end_ = true;
};

const std::vector<CursorColumn<BlobCheckCursor>> BlobCheckCursor::kColumns = {
    {{"table_name", kText}, [](auto& row, Out out) { out(row.statement_->Text(0)); }},
    {{"key", kText}, [](auto& row, Out out) { out(row.statement_->Text(1)); }},
    {{"byte_count", kInteger}, [](auto& row, Out out) { out(row.statement_->Blob(2).size()); }},
    {{"problem", kText, "", "the blob is sound"},
     [](auto& row, Out out) {
       if (row.problem_) out(std::string_view(*row.problem_));
     }},
};

}  // namespace

VirtualTable MakeBlobCheckTable(AnalysisCache& cache) {
  return {.name = "blob_check",
          .columns = Describe(BlobCheckCursor::kColumns),
          .row_count = [](const ReaderSize&) { return 1e4; },
          .open = [&cache] { return std::make_unique<BlobCheckCursor>(cache.reader()); }};
}

}  // namespace pagesnap
