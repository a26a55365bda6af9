// The virtual table `page`.
#include <algorithm>
#include <limits>

#include "lib/query/scan/chunk_scan.h"
#include "lib/query/scan/frame_results.h"
#include "lib/query/tables.h"

namespace pagesnap {
namespace {

enum Column {
  kSnapshotId,
  kProcessId,
  kMappingId,
  kPage,
  kState,
  kPfn,
  kSwapType,
  kSwapOffset,
  kSoftDirty,
  kMmapExclusive,
  kUffdWp,
  kFile,
  kBitNames,
  kFlags,
  kFlagNames,
  kMapCount,
  kCgroupInode,
  kNode,
  kZone
};
constexpr FactColumns kFactColumns = {kFlags, kFlagNames, kMapCount, kCgroupInode};

const std::vector<TableColumn> kColumns = {
    {"snapshot_id", "INTEGER", PushDown::kExact, Key::kSnapshot},
    {"process_id", "INTEGER", PushDown::kExact, Key::kProcess},
    {"mapping_id", "INTEGER", PushDown::kExact, Key::kMapping},
    {"page", "INTEGER", PushDown::kRange, Key::kPage},
    {"state", "TEXT"},
    {"pfn", "INTEGER", PushDown::kEqual, Key::kFrame},
    {"swap_type", "INTEGER"},
    {"swap_offset", "INTEGER"},
    {"soft_dirty", "INTEGER"},
    {"mmap_exclusive", "INTEGER"},
    {"uffd_wp", "INTEGER"},
    {"file", "INTEGER"},
    {"bit_names", "TEXT"},
    {"flags", "INTEGER"},
    {"flag_names", "TEXT"},
    {"map_count", "INTEGER"},
    {"cgroup_inode", "INTEGER"},
    {"node", "INTEGER"},
    {"zone", "TEXT"},
};

class PageCursor final : public TableCursor {
 public:
  explicit PageCursor(SnapshotReader& reader) : reader_(reader), scan_(reader) {}

  // Rows that say only whose page it is can be counted from the chunks.
  void SetColumnsUsed(uint32_t columns) override {
    count_only_ = (columns & ~(1u << kSnapshotId | 1u << kProcessId | 1u << kMappingId)) == 0;
  }

  void Filter(const std::vector<TableConstraint>& constraints) override {
    words_ = {};
    rows_left_ = 0;
    index_ = 0;
    scan_.Start(constraints, kPage);
    pfn_.reset();
    for (const TableConstraint& constraint : constraints) {
      // -1 is no PFN: a value that is no integer finds nothing.
      if (constraint.column == kPfn) pfn_ = static_cast<uint64_t>(constraint.value.value_or(-1));
    }
    at_end_ = false;
    if (!NextChunk()) return;
    if (rows_left_ == 0) SkipToWanted();
  }

  void Next() override {
    if (rows_left_ > 1) {
      --rows_left_;
      return;
    }
    rows_left_ = 0;
    ++index_;
    SkipToWanted();
  }

  [[nodiscard]] bool AtEnd() const override { return at_end_; }

  void Column(sqlite3_context* context, int column) override {
    PageWord word(index_ < words_.size() ? words_[index_] : 0);
    switch (column) {
      case kSnapshotId:
        return Result(context, scan_.mapping().snapshot_id);
      case kProcessId:
        return Result(context, scan_.mapping().process_id);
      case kMappingId:
        return Result(context, scan_.mapping().id);
      case kPage:
        return Result(context, static_cast<int64_t>(first_page_ + index_));
      case kState:
        return NameResult(context, PageStateName(scan_.snapshot().decoder.State(word)));
      case kBitNames:
        return Result(context, scan_.snapshot().decoder.BitNames(word));
      case kSoftDirty:
        return Bit(context, word, PageWord::kSoftDirty, {3, 11});
      case kMmapExclusive:
        return Bit(context, word, PageWord::kMmapExclusive, {4, 2});
      case kUffdWp:
        return Bit(context, word, PageWord::kUffdWp, {5, 13});
      case kFile:
        return Bit(context, word, PageWord::kFile, {3, 5});
      default:
        if (scan_.snapshot().pfn_visible) LocationColumn(context, column, word);
    }
  }

 private:
  // A bit that the kernel did not have yet is NULL, not 0.
  void Bit(sqlite3_context* context, PageWord word, uint64_t bit, KernelRelease since) const {
    if (scan_.snapshot().release >= since) Result(context, int64_t{(word.raw() & bit) != 0});
  }

  void LocationColumn(sqlite3_context* context, int column, PageWord word) {
    if (word.swap_format()) {
      if (column == kSwapType) Result(context, int64_t{word.swap_type()});
      if (column == kSwapOffset) Result(context, static_cast<int64_t>(word.swap_offset()));
    }
    if (!word.present()) return;
    switch (column) {
      case kPfn:
        return Result(context, static_cast<int64_t>(word.pfn()));
      case kNode:
        return NodeResult(context, scan_.snapshot().ZoneOf(word.pfn()));
      case kZone:
        return ZoneResult(context, scan_.snapshot().ZoneOf(word.pfn()));
      default:
        if (frames_of_ != &scan_.snapshot()) {
          frames_of_ = &scan_.snapshot();
          frames_ = reader_.Frames(frames_of_->id);
        }
        if (const FrameFacts* facts = frames_->Find(word.pfn())) {
          FactColumn(context, column, kFactColumns, *facts, scan_.snapshot().release, &flag_names_);
        }
    }
  }

  [[nodiscard]] bool Wanted(PageWord word) const {
    if (pfn_) return word.present() && word.pfn() == *pfn_;
    return word.populated();
  }

  // Goes to the next wanted word of the range, in this chunk or a later one.
  void SkipToWanted() {
    while (true) {
      while (index_ < words_.size() && !Wanted(PageWord(words_[index_]))) ++index_;
      if (index_ < words_.size() && first_page_ + index_ <= scan_.filter().last_page) return;
      if (!NextChunk() || rows_left_ > 0) return;
    }
  }

  // Goes to the start of the next chunk that has pages in the range; at the end sets at_end_.
  bool NextChunk() {
    const PageFilter& filter = scan_.filter();
    while (true) {
      while (!scan_.NextChunk() || scan_.first_page() > filter.last_page) {
        if (!scan_.NextMapping()) {
          at_end_ = true;
          return false;
        }
        scan_.SkipBefore(filter.first_page);
      }
      words_ = {};
      index_ = 0;
      first_page_ = scan_.first_page();
      if (count_only_) {
        rows_left_ = scan_.chunk().populated_count();
        if (rows_left_ == 0) continue;
        return true;
      }
      words_ = scan_.Words();
      if (first_page_ + words_.size() <= filter.first_page) continue;
      if (filter.first_page > first_page_) index_ = filter.first_page - first_page_;
      return true;
    }
  }

  const SnapshotInfo* frames_of_ = nullptr;
  std::shared_ptr<FrameTable> frames_;  // of frames_of_
  SnapshotReader& reader_;
  ChunkScan scan_;
  FlagNames flag_names_;
  std::optional<uint64_t> pfn_;
  std::span<const uint64_t> words_;  // of the chunk
  size_t index_ = 0;
  uint64_t first_page_ = 0;  // of words_
  bool count_only_ = false;
  int64_t rows_left_ = 0;  // of the chunk, when they are only counted
  bool at_end_ = true;
};

class PageTable final : public VirtualTable {
 public:
  explicit PageTable(SnapshotReader& reader) : reader_(reader) {}
  [[nodiscard]] const char* name() const override { return "page"; }
  [[nodiscard]] const std::vector<TableColumn>& columns() const override { return kColumns; }
  [[nodiscard]] double row_count() const override { return reader_.size().pages; }
  [[nodiscard]] const ReaderSize& size() const override { return reader_.size(); }
  [[nodiscard]] std::vector<int> order() const override { return {kProcessId, kMappingId, kPage}; }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<PageCursor>(reader_);
  }

 private:
  SnapshotReader& reader_;
};

}  // namespace

std::unique_ptr<VirtualTable> MakePageTable(SnapshotReader& reader) {
  return std::make_unique<PageTable>(reader);
}

}  // namespace pagesnap
