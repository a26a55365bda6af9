// The virtual table `mapping_span`: what is in each span of N pages of a mapping.
#include <algorithm>
#include <array>

#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/codec/page_words.h"
#include "lib/query/scan/page_gaps.h"
#include "lib/query/scan/scan.h"
#include "lib/query/tables.h"
#include "lib/store/frames/memory_kind.h"

namespace pagesnap {
namespace {

enum Column {
  kSnapshotId,
  kProcessId,
  kMappingId,
  kPage,
  kPageCount,
  kPresentCount,
  kSwappedCount,
  kSpecialCount,
  kUnreadCount,
  kAbsentCount,
  kFirstKind,  // the columns from here on need the frames
  kSpanPages = kFirstKind + 5
};

const std::vector<TableColumn> kColumns = {
    {"snapshot_id", "INTEGER", PushDown::kExact, Key::kSnapshot},
    {"process_id", "INTEGER", PushDown::kExact, Key::kProcess},
    {"mapping_id", "INTEGER", PushDown::kExact, Key::kMapping},
    {"page", "INTEGER"},
    {"page_count", "INTEGER"},
    {"present_count", "INTEGER"},
    {"swapped_count", "INTEGER"},
    {"special_count", "INTEGER"},
    {"unread_count", "INTEGER"},
    {"absent_count", "INTEGER"},
    {"anonymous_count", "INTEGER"},
    {"file_count", "INTEGER"},
    {"shmem_count", "INTEGER"},
    {"shared_count", "INTEGER"},
    {"huge_count", "INTEGER"},
    {"span_pages", "INTEGER HIDDEN", PushDown::kRequired},
};

struct Span {
  uint64_t first = 0;  // page, from the start of the mapping
  uint64_t count = 0;  // pages
  uint64_t present = 0;
  uint64_t swapped = 0;
  uint64_t special = 0;
  uint64_t unread = 0;
  std::array<uint64_t, 5> kinds = {};  // in the order of the columns
  bool kinds_known = true;

  [[nodiscard]] uint64_t populated() const { return present + swapped + special; }
  [[nodiscard]] uint64_t end() const { return first + count; }
  // Nothing is known to be here, for the same reason everywhere.
  [[nodiscard]] bool IsEmpty() const {
    return populated() == 0 && (unread == 0 || unread == count);
  }
  [[nodiscard]] bool IsEmptyLike(const Span& other) const {
    return IsEmpty() && other.IsEmpty() && (unread == 0) == (other.unread == 0);
  }
};

// Cuts one mapping into spans, in order. Each page is looked at once.
class SpanCutter {
 public:
  SpanCutter(SnapshotReader& reader, const PageGaps& gaps) : reader_(reader), gaps_(gaps) {}

  void Enter(const MappingInfo& mapping, uint64_t span_pages, bool wants_kinds) {
    mapping_ = &mapping;
    snapshot_ = &reader_.snapshot(mapping.snapshot_id);
    span_pages_ = span_pages;
    wants_kinds_ = wants_kinds && !mapping.pfn_map;
    frames_ = wants_kinds_ && snapshot_->pfn_visible ? reader_.Frames(snapshot_->id) : nullptr;
    kinds_.emplace(snapshot_->release, snapshot_->page_size, FindFrame{frames_.get()});
    chunks_ = reader_.Chunks(mapping);
    next_chunk_ = 0;
    page_ = 0;
  }

  // Sets `span` to the next span, or to as many as follow each other without a chunk; false at the
  // end of the mapping.
  bool Next(Span* span) {
    if (page_ >= mapping_->page_count) return false;
    *span = {.first = page_};
    const uint64_t chunk_page =
        next_chunk_ < chunks_.size() ? chunks_[next_chunk_].first_page : mapping_->page_count;
    uint64_t empty_spans = chunk_page > page_ ? (chunk_page - page_) / span_pages_ : 0;
    if (next_chunk_ == chunks_.size()) {
      empty_spans = DivideRoundingUp(mapping_->page_count - page_, span_pages_);
    }
    if (empty_spans == 0) {
      CutThroughChunks(span);
    } else {
      SkipEmpty(empty_spans, span);
    }
    page_ = span->end();
    return true;
  }

 private:
  // Fewer than `spans` where only some of their pages were read.
  void SkipEmpty(uint64_t spans, Span* span) const {
    while (true) {
      const uint64_t left = mapping_->page_count - page_;
      span->count = spans > left / span_pages_ ? left : spans * span_pages_;
      span->unread = gaps_.UnreadCount(*mapping_, page_, span->count);
      if (span->unread == 0 || span->unread == span->count || spans == 1) return;
      spans /= 2;
    }
  }

  void CutThroughChunks(Span* span) {
    span->count = std::min(span_pages_, mapping_->page_count - page_);
    span->unread = gaps_.UnreadCount(*mapping_, page_, span->count);
    span->kinds_known = mapping_->pfn_map || !wants_kinds_ || frames_ != nullptr;
    while (next_chunk_ < chunks_.size() && chunks_[next_chunk_].first_page < span->end()) {
      const ChunkInfo& chunk = chunks_[next_chunk_];
      if (!wants_kinds_ && chunk.first_page >= span->first && EndsBy(span->end())) {
        span->present += static_cast<uint64_t>(chunk.present_count);
        span->swapped += static_cast<uint64_t>(chunk.swapped_count);
        span->special += static_cast<uint64_t>(chunk.special_count);
      } else if (!AddWords(chunk, span)) {
        return;
      }
      ++next_chunk_;
    }
  }

  // Returns whether the next chunk surely ends before `page`. Chunks lie inside their mapping and
  // do not overlap.
  [[nodiscard]] bool EndsBy(uint64_t page) const {
    const uint64_t latest = next_chunk_ + 1 < chunks_.size() ? chunks_[next_chunk_ + 1].first_page
                                                             : mapping_->page_count;
    return std::min(latest, chunks_[next_chunk_].first_page + kPagesPerChunk) <= page;
  }

  // Returns whether the chunk ends in this span.
  bool AddWords(const ChunkInfo& chunk, Span* span) {
    const auto words = reader_.SharedWords(chunk.content_id);
    const uint64_t begin = std::max(span->first, chunk.first_page) - chunk.first_page;
    const uint64_t end = std::min<uint64_t>(span->end() - chunk.first_page, words->size());
    for (uint64_t i = begin; i < end; ++i) AddWord(PageWord((*words)[i]), span);
    return end == words->size();
  }

  void AddWord(PageWord word, Span* span) {
    if (!word.populated()) return;
    if (word.present()) {
      ++span->present;
      if (frames_ != nullptr) AddKinds(word.pfn(), span);
      return;
    }
    const PageState state = snapshot_->decoder.State(word);
    // As in page_chunk: what may be swap counts as swap.
    if (state == PageState::kSwapped || state == PageState::kSwapEntry) {
      ++span->swapped;
    } else {
      ++span->special;
    }
  }

  void AddKinds(uint64_t pfn, Span* span) {
    const FrameFacts* facts = frames_->Find(pfn);
    const MemoryKind kind = kinds_->Of(pfn, facts);
    auto& [anonymous, file, shmem, shared, huge] = span->kinds;
    if (kind == MemoryKind::kUnread) {
      span->kinds_known = false;
    } else if (kind == MemoryKind::kHugetlb) {
      ++huge;
    } else if (kind != MemoryKind::kUncounted) {
      anonymous += kind == MemoryKind::kAnonymous;
      file += kind == MemoryKind::kFile;
      shmem += kind == MemoryKind::kShmem;
      huge += kinds_->IsHuge(pfn, facts->flags);
      shared += facts->map_count > 1;
      if (facts->map_count == kNotRead) span->kinds_known = false;
    }
  }

  SnapshotReader& reader_;
  const PageGaps& gaps_;
  const MappingInfo* mapping_ = nullptr;
  const SnapshotInfo* snapshot_ = nullptr;
  uint64_t span_pages_ = 1;
  bool wants_kinds_ = false;
  std::shared_ptr<FrameTable> frames_;  // null: kinds are not wanted, or hidden
  std::optional<MemoryKinds<FindFrame>> kinds_;
  std::vector<ChunkInfo> chunks_;
  size_t next_chunk_ = 0;  // that does not end before page_
  uint64_t page_ = 0;      // where the next span begins
};

class SpanCursor final : public TableCursor {
 public:
  SpanCursor(SnapshotReader& reader, const PageGaps& gaps) : scan_(reader), cutter_(reader, gaps) {}

  void SetColumnsUsed(uint32_t columns) override {
    wants_kinds_ = (columns >> kFirstKind & 0x1f) != 0;
  }

  void Filter(const std::vector<TableConstraint>& constraints) override {
    int64_t span_pages = 0;
    for (const TableConstraint& constraint : constraints) {
      if (constraint.column == kSpanPages) span_pages = constraint.value.value_or(0);
    }
    if (span_pages < 1) throw Error("mapping_span: a span has 1 page or more");
    span_pages_ = static_cast<uint64_t>(span_pages);
    scan_.Start(constraints);
    has_ahead_ = false;
    at_end_ = !EnterMapping();
    if (!at_end_) Next();
  }

  // Spans in which nothing is are one row together.
  void Next() override {
    while (!has_ahead_ && !cutter_.Next(&ahead_)) {
      if (!EnterMapping()) {
        at_end_ = true;
        return;
      }
    }
    span_ = ahead_;
    while ((has_ahead_ = cutter_.Next(&ahead_)) && ahead_.IsEmptyLike(span_)) {
      span_.count += ahead_.count;
      span_.unread += ahead_.unread;
    }
  }

  [[nodiscard]] bool AtEnd() const override { return at_end_; }

  void Column(sqlite3_context* context, int column) override {
    const uint64_t values[] = {scan_.mapping().first_page + span_.first,
                               span_.count,
                               span_.present,
                               span_.swapped,
                               span_.special,
                               span_.unread};
    if (column == kSnapshotId) return Result(context, scan_.mapping().snapshot_id);
    if (column == kProcessId) return Result(context, scan_.mapping().process_id);
    if (column == kMappingId) return Result(context, scan_.mapping().id);
    if (column == kSpanPages) return Result(context, static_cast<int64_t>(span_pages_));
    if (column < kAbsentCount) return Result(context, static_cast<int64_t>(values[column - kPage]));
    if (column == kAbsentCount) {
      const uint64_t rest = span_.count - std::min(span_.count, span_.unread);
      return Result(context, static_cast<int64_t>(rest - std::min(rest, span_.populated())));
    }
    if (span_.kinds_known) {
      Result(context, static_cast<int64_t>(span_.kinds.at(column - kFirstKind)));
    }
  }

 private:
  bool EnterMapping() {
    if (!scan_.Next()) return false;
    cutter_.Enter(scan_.mapping(), span_pages_, wants_kinds_);
    return true;
  }

  MappingScan scan_;
  SpanCutter cutter_;
  uint64_t span_pages_ = 1;
  bool wants_kinds_ = true;
  Span span_;   // the row
  Span ahead_;  // the span behind it
  bool has_ahead_ = false;
  bool at_end_ = true;
};

class SpanTable final : public VirtualTable {
 public:
  explicit SpanTable(SnapshotReader& reader) : reader_(reader) {}
  [[nodiscard]] const char* name() const override { return "mapping_span"; }
  [[nodiscard]] const std::vector<TableColumn>& columns() const override { return kColumns; }
  [[nodiscard]] double row_count() const override { return 16 * reader_.size().mappings; }
  [[nodiscard]] double row_cost() const override {
    return 1 + 0.1 * reader_.size().pages / row_count();
  }
  [[nodiscard]] const ReaderSize& size() const override { return reader_.size(); }
  [[nodiscard]] std::vector<int> order() const override { return {kProcessId, kMappingId, kPage}; }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    if (!gaps_) gaps_.emplace(reader_);
    return std::make_unique<SpanCursor>(reader_, *gaps_);
  }

 private:
  SnapshotReader& reader_;
  std::optional<PageGaps> gaps_;
};

}  // namespace

std::unique_ptr<VirtualTable> MakeMappingSpanTable(SnapshotReader& reader) {
  return std::make_unique<SpanTable>(reader);
}

}  // namespace pagesnap
