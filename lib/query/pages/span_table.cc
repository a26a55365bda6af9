// The virtual table `mapping_span`: what is in each span of N pages of a mapping.
#include <algorithm>

#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/codec/page_words.h"
#include "lib/query/pages/page_columns.h"
#include "lib/query/pages/tables.h"
#include "lib/query/scan/page_gaps.h"
#include "lib/store/frames/memory_kind.h"

namespace pagesnap {
namespace {

constexpr const char* kSpanPages = "span_pages";

struct Span {
  uint64_t first = 0;  // page, from the start of the mapping
  uint64_t count = 0;  // pages
  PageCounts pages = {};
  uint64_t unread = 0;
  uint64_t anonymous = 0;  // this and what follows: only if kinds_known
  uint64_t file = 0;
  uint64_t shmem = 0;
  uint64_t shared = 0;
  uint64_t huge = 0;
  // Of pages that are neither huge nor shared, and of those that are only shared: each is counted
  // once in these four and `huge`.
  uint64_t own_anonymous = 0;
  uint64_t own_file = 0;
  uint64_t own_shmem = 0;
  uint64_t only_shared = 0;
  bool kinds_known = true;

  // Absent, or hidden.
  [[nodiscard]] uint64_t unseen() const {
    const uint64_t rest = count - std::min(count, unread);
    return rest - std::min(rest, pages.populated());
  }
  [[nodiscard]] uint64_t end() const { return first + count; }
  // Nothing is known to be here, for the same reason everywhere.
  [[nodiscard]] bool IsEmpty() const {
    return pages.populated() == 0 && (unread == 0 || unread == count);
  }
  [[nodiscard]] bool IsEmptyLike(const Span& other) const {
    return IsEmpty() && other.IsEmpty() && (unread == 0) == (other.unread == 0);
  }
};

// Cuts one mapping into spans, in order. Each page is looked at once.
class SpanCutter {
 public:
  explicit SpanCutter(AnalysisCache& cache)
      : reader_(cache.reader()), gaps_(cache.OfAll<PageGaps>()) {}

  // Spans count from the first page that lies in `cut`.
  void Enter(const MappingInfo& mapping, const PageCut& cut, uint64_t span_pages,
             bool wants_kinds) {
    mapping_ = &mapping;
    snapshot_ = &reader_.snapshot(mapping.snapshot_id);
    span_pages_ = span_pages;
    wants_kinds_ = wants_kinds && !mapping.pfn_map;
    frames_ = wants_kinds_ && snapshot_->pfn_visible ? reader_.Frames(snapshot_->id) : nullptr;
    kinds_.emplace(snapshot_->release, snapshot_->page_size, FramesOnDemand{frames_.get()});
    chunks_ = reader_.Chunks(mapping);
    next_chunk_ = 0;
    std::erase_if(chunks_, [&](const ChunkInfo& chunk) {
      return cut.Of(mapping.first_page + chunk.first_page, kPagesPerChunk).empty();
    });
    const PageCut::Words inside = cut.Of(mapping.first_page, mapping.page_count);
    page_ = inside.begin;
    end_ = inside.end;
  }

  // Sets `span` to the next span, or to as many as follow each other without a chunk; false at the
  // end of the mapping.
  bool Next(Span* span) {
    if (page_ >= end_) return false;
    *span = {.first = page_};
    const uint64_t chunk_page =
        next_chunk_ < chunks_.size() ? chunks_[next_chunk_].first_page : end_;
    uint64_t empty_spans = chunk_page > page_ ? (chunk_page - page_) / span_pages_ : 0;
    if (next_chunk_ == chunks_.size()) {
      empty_spans = DivideRoundingUp(end_ - page_, span_pages_);
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
      const uint64_t left = end_ - page_;
      span->count = spans > left / span_pages_ ? left : spans * span_pages_;
      span->unread = gaps_->UnreadCount(*mapping_, page_, span->count);
      if (span->unread == 0 || span->unread == span->count || spans == 1) return;
      spans /= 2;
    }
  }

  void CutThroughChunks(Span* span) {
    span->count = std::min(span_pages_, end_ - page_);
    span->unread = gaps_->UnreadCount(*mapping_, page_, span->count);
    span->kinds_known = mapping_->pfn_map || !wants_kinds_ || frames_ != nullptr;
    while (next_chunk_ < chunks_.size() && chunks_[next_chunk_].first_page < span->end()) {
      const ChunkInfo& chunk = chunks_[next_chunk_];
      if (!wants_kinds_ && chunk.first_page >= span->first && EndsBy(span->end())) {
        span->pages.present += static_cast<uint64_t>(chunk.present_count);
        span->pages.swapped += static_cast<uint64_t>(chunk.swapped_count);
        span->pages.special += static_cast<uint64_t>(chunk.special_count);
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
    span->pages.Add(snapshot_->decoder.State(word));
    if (word.present() && frames_ != nullptr) AddKinds(word, span);
  }

  void AddKinds(PageWord word, Span* span) {
    const uint64_t pfn = word.pfn();
    const FrameFacts* facts = frames_->Find(pfn);
    const MemoryKind kind = kinds_->Of(word, facts);
    if (kind == MemoryKind::kUnread) {
      span->kinds_known = false;
    } else if (kind == MemoryKind::kHugetlb) {
      ++span->huge;
    } else if (kind != MemoryKind::kUncounted) {
      const bool huge = kinds_->IsHuge(pfn, facts->flags);
      const bool shared =
          !IsPrivatePage(snapshot_->map_counts, word, facts->flags, facts->map_count);
      const bool own = !huge && !shared;
      span->anonymous += kind == MemoryKind::kAnonymous;
      span->file += kind == MemoryKind::kFile;
      span->shmem += kind == MemoryKind::kShmem;
      span->huge += huge;
      span->shared += shared;
      span->own_anonymous += own && kind == MemoryKind::kAnonymous;
      span->own_file += own && kind == MemoryKind::kFile;
      span->own_shmem += own && kind == MemoryKind::kShmem;
      span->only_shared += shared && !huge;
      if (facts->map_count == kNotRead) span->kinds_known = false;
    }
  }

  SnapshotReader& reader_;
  std::shared_ptr<const PageGaps> gaps_;
  const MappingInfo* mapping_ = nullptr;
  const SnapshotInfo* snapshot_ = nullptr;
  uint64_t span_pages_ = 1;
  bool wants_kinds_ = false;
  std::shared_ptr<FrameTable> frames_;  // null: kinds are not wanted, or hidden
  std::optional<MemoryKinds<FramesOnDemand>> kinds_;
  std::vector<ChunkInfo> chunks_;
  size_t next_chunk_ = 0;  // that does not end before page_
  uint64_t page_ = 0;      // where the next span begins
  uint64_t end_ = 0;       // where the last one ends
};

class SpanCursor final : public TableCursor {
 public:
  explicit SpanCursor(AnalysisCache& cache) : scan_(cache.reader()), cutter_(cache) {}

  static const std::vector<CursorColumn<SpanCursor>> kColumns;

  void SetColumnsUsed(uint64_t columns) override {
    static const uint64_t kKinds =
        BitsOf(kColumns,
               {"anonymous_count", "file_count", "shmem_count", "shared_count", "huge_count",
                "own_anonymous_count", "own_file_count", "own_shmem_count", "only_shared_count"});
    wants_kinds_ = (columns & kKinds) != 0;
  }

  void Filter(const std::vector<TableConstraint>& constraints) override {
    int64_t span_pages = 0;
    for (const TableConstraint& constraint : constraints) {
      if (constraint.name == kSpanPages) span_pages = constraint.value.value_or(0);
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

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

  [[nodiscard]] const MappingInfo& mapping() const { return scan_.mapping(); }
  [[nodiscard]] const PageCut& cut() const { return scan_.cut(); }

 private:
  template <uint64_t Span::*kCount>
  static void Put(SpanCursor& row, Out out) {
    out(row.span_.*kCount);
  }
  template <uint64_t Span::*kCount>
  static void PutIfKnown(SpanCursor& row, Out out) {
    if (row.span_.kinds_known) out(row.span_.*kCount);
  }

  bool EnterMapping() {
    if (!scan_.Next()) return false;
    cutter_.Enter(scan_.mapping(), scan_.cut(), span_pages_, wants_kinds_);
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

constexpr const char* kNoKinds = "hidden, or not read";

const std::vector<CursorColumn<SpanCursor>> SpanCursor::kColumns =
    WithMappingKey<SpanCursor>(WithPageCut<SpanCursor>({
        {{"page", kInteger},
         [](auto& row, Out out) { out(row.mapping().first_page + row.span_.first); }},
        {{"page_count", kInteger}, Put<&Span::count>},
        {{"present_count", kInteger}, [](auto& row, Out out) { out(row.span_.pages.present); }},
        {{"swapped_count", kInteger}, [](auto& row, Out out) { out(row.span_.pages.swapped); }},
        {{"special_count", kInteger}, [](auto& row, Out out) { out(row.span_.pages.special); }},
        {{"unread_count", kInteger}, Put<&Span::unread>},
        {{"absent_count", kInteger},
         [](auto& row, Out out) { out(row.mapping().is_hidden ? 0 : row.span_.unseen()); }},
        {{"anonymous_count", kInteger, "", kNoKinds}, PutIfKnown<&Span::anonymous>},
        {{"file_count", kInteger, "", kNoKinds}, PutIfKnown<&Span::file>},
        {{"shmem_count", kInteger, "", kNoKinds}, PutIfKnown<&Span::shmem>},
        {{"shared_count", kInteger, "", kNoKinds}, PutIfKnown<&Span::shared>},
        {{"huge_count", kInteger, "", kNoKinds}, PutIfKnown<&Span::huge>},
        {{"own_anonymous_count", kInteger, "", kNoKinds}, PutIfKnown<&Span::own_anonymous>},
        {{"own_file_count", kInteger, "", kNoKinds}, PutIfKnown<&Span::own_file>},
        {{"own_shmem_count", kInteger, "", kNoKinds}, PutIfKnown<&Span::own_shmem>},
        {{"only_shared_count", kInteger, "", kNoKinds}, PutIfKnown<&Span::only_shared>},
        {{"hidden_count", kInteger},
         [](auto& row, Out out) { out(row.mapping().is_hidden ? row.span_.unseen() : 0); }},
        {{kSpanPages, kIntegerArgument, "", "", PushDown::kRequired},
         [](auto& row, Out out) { out(row.span_pages_); }},
    }));

}  // namespace

VirtualTable MakeMappingSpanTable(AnalysisCache& cache) {
  constexpr double kSpansOfMapping = 16;
  return {.name = "mapping_span",
          .columns = Describe(SpanCursor::kColumns),
          .order = kByPage,
          .row_count = [](const ReaderSize& size) { return kSpansOfMapping * size.mappings; },
          .row_cost =
              [](const ReaderSize& size) {
                return 1 + 0.1 * size.pages / (kSpansOfMapping * size.mappings);
              },
          .open = [&cache] { return std::make_unique<SpanCursor>(cache); }};
}

}  // namespace pagesnap
