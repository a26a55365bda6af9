// The virtual table `page`.
#include "lib/query/pages/page_columns.h"
#include "lib/query/pages/tables.h"
#include "lib/query/scan/chunk_scan.h"
#include "lib/query/scan/frame_results.h"

namespace pagesnap {
namespace {

constexpr const char* kPfn = "pfn";

class PageCursor final : public TableCursor {
 public:
  explicit PageCursor(SnapshotReader& reader) : reader_(reader), scan_(reader) {}

  static const std::vector<CursorColumn<PageCursor>> kColumns;

  // Rows that say only whose page it is can be counted from the chunks.
  void SetColumnsUsed(uint64_t columns) override {
    static const uint64_t kKeys = BitsOf(kColumns, {"snapshot_id", "process_id", "mapping_id"});
    count_only_ = (columns & ~kKeys) == 0;
  }

  void Filter(const std::vector<TableConstraint>& constraints) override {
    words_ = {};
    rows_left_ = 0;
    index_ = 0;
    scan_.Start(constraints, kPageColumn);
    pfn_.reset();
    for (const TableConstraint& constraint : constraints) {
      // -1 is no PFN: a value that is no integer finds nothing.
      if (constraint.name == kPfn) pfn_ = static_cast<uint64_t>(constraint.value.value_or(-1));
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

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

  [[nodiscard]] const MappingInfo& mapping() const { return scan_.mapping(); }
  [[nodiscard]] uint64_t page() const { return first_page_ + index_; }

 private:
  [[nodiscard]] PageWord word() const {
    return PageWord(index_ < words_.size() ? words_[index_] : 0);
  }
  // PFN 0 was left out.
  [[nodiscard]] bool HasFrame() const {
    return scan_.snapshot().pfn_visible && word().present() && word().pfn() != 0;
  }
  [[nodiscard]] bool HasSlot() const {
    return scan_.snapshot().pfn_visible && word().swap_format();
  }
  // Null without a frame, or when nothing is known of it.
  [[nodiscard]] const Zone* zone() const {
    return HasFrame() ? scan_.snapshot().ZoneOf(word().pfn()) : nullptr;
  }
  const FrameFacts* facts() {
    if (!HasFrame()) return nullptr;
    if (frames_of_ != &scan_.snapshot()) {
      frames_of_ = &scan_.snapshot();
      frames_ = reader_.Frames(frames_of_->id);
    }
    return frames_->Find(word().pfn());
  }

  // A bit that the kernel did not have yet is NULL, not 0.
  template <uint64_t kBit, KernelRelease kSince>
  static void PutBit(PageCursor& row, Out out) {
    if (row.scan_.snapshot().release >= kSince) out((row.word().raw() & kBit) != 0);
  }
  template <uint64_t FrameFacts::*kFact>
  static void PutFact(PageCursor& row, Out out) {
    if (const FrameFacts* facts = row.facts()) out(KnownFact(facts->*kFact));
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

const std::vector<CursorColumn<PageCursor>> PageCursor::kColumns = WithPageKey<PageCursor>({
    {{"state", kText},
     [](auto& row, Out out) {
       out.Name(PageStateName(row.scan_.snapshot().decoder.State(row.word())));
     }},
    {{kPfn, kInteger, "", "not present, or PFNs were hidden", PushDown::kEqual, Key::kFrame},
     [](auto& row, Out out) {
       if (row.HasFrame()) out(row.word().pfn());
     }},
    {{"swap_type", kInteger, "", kNoSlot},
     [](auto& row, Out out) {
       if (row.HasSlot()) out(row.word().swap_type());
     }},
    {{"swap_offset", kInteger, "pages", kNoSlot},
     [](auto& row, Out out) {
       if (row.HasSlot()) out(row.word().swap_offset());
     }},
    {{"soft_dirty", kInteger, "", "the kernel is older than 3.11, or was built without it"},
     [](auto& row, Out out) {
       if (row.scan_.snapshot().has_soft_dirty) out((row.word().raw() & PageWord::kSoftDirty) != 0);
     }},
    {{"mmap_exclusive", kInteger, "", "the kernel is older than 4.2"},
     PutBit<PageWord::kMmapExclusive, KernelRelease{4, 2}>},
    {{"uffd_wp", kInteger, "", "the kernel is older than 5.13"},
     PutBit<PageWord::kUffdWp, KernelRelease{5, 13}>},
    {{"file", kInteger, "", "the kernel is older than 3.5"},
     PutBit<PageWord::kFile, KernelRelease{3, 5}>},
    {{"bit_names", kText},
     [](auto& row, Out out) {
       out(std::string_view(row.scan_.snapshot().decoder.BitNames(row.word())));
     }},
    {{"flags", kInteger, "", kNoFacts}, PutFact<&FrameFacts::flags>},
    {{"flag_names", kText, "", kNoFacts},
     [](auto& row, Out out) {
       const FrameFacts* facts = row.facts();
       if (facts != nullptr) row.flag_names_.Put(out, facts->flags, row.scan_.snapshot().release);
     }},
    {{"map_count", kInteger, "", kNoFacts}, PutFact<&FrameFacts::map_count>},
    {{"cgroup_inode", kInteger, "", kNoFacts}, PutFact<&FrameFacts::cgroup>},
    {{"node", kInteger, "", kNoZone}, [](auto& row, Out out) { PutNode(out, row.zone()); }},
    {{"zone", kText, "", kNoZone}, [](auto& row, Out out) { PutZone(out, row.zone()); }},
});

}  // namespace

VirtualTable MakePageTable(AnalysisCache& cache) {
  return {.name = "page",
          .columns = Describe(PageCursor::kColumns),
          .order = kByPage,
          .row_count = [](const ReaderSize& size) { return size.pages; },
          .open = [&cache] { return std::make_unique<PageCursor>(cache.reader()); }};
}

}  // namespace pagesnap
