// The virtual table `page_change`: the pages of two snapshots compared.
#include <fmt/format.h>

#include <array>
#include <limits>
#include <optional>

#include "lib/base/error.h"
#include "lib/codec/page_words.h"
#include "lib/kernel/frame_flags.h"
#include "lib/query/change/change_arguments.h"
#include "lib/query/change/change_segments.h"
#include "lib/query/change/page_comparison.h"
#include "lib/query/change/tables.h"
#include "lib/query/scan/frame_results.h"

namespace pagesnap {
namespace {

// Pages that changed alike; the words are of the first.
struct Run {
  uint64_t offset = 0;  // pages from the start of the range
  uint64_t page_count = 0;
  PageChange change = PageChange::kUnchanged;
  PageState before_state = PageState::kAbsent;
  PageState after_state = PageState::kAbsent;
  PageWord before = PageWord(0);
  PageWord after = PageWord(0);
  // Of recharged pages, kNotRead of others.
  uint64_t before_cgroup = kNotRead;
  uint64_t after_cgroup = kNotRead;
  // Of pages with other flags: the frame's flags and the word's bits that came and went.
  uint64_t flags_set = 0;
  uint64_t flags_cleared = 0;
  uint64_t flag_kind = 0;  // of the frame: what decides the names of these flags
  uint64_t bits_set = 0;
  uint64_t bits_cleared = 0;
  // Frames of the folio, of resized pages.
  std::optional<uint64_t> before_frames;
  std::optional<uint64_t> after_frames;

  [[nodiscard]] bool Continues(const Run& run) const {
    return offset == run.offset + run.page_count && change == run.change &&
           before_state == run.before_state && after_state == run.after_state &&
           before_cgroup == run.before_cgroup && after_cgroup == run.after_cgroup &&
           flags_set == run.flags_set && flags_cleared == run.flags_cleared &&
           before_frames == run.before_frames && after_frames == run.after_frames &&
           flag_kind == run.flag_kind && bits_set == run.bits_set &&
           bits_cleared == run.bits_cleared;
  }
};

class PageChangeCursor final : public TableCursor {
 public:
  explicit PageChangeCursor(AnalysisCache& cache) : cache_(cache), reader_(cache.reader()) {}

  static const std::vector<CursorColumn<PageChangeCursor>> kColumns;

  void Filter(const std::vector<TableConstraint>& constraints) override {
    filter_ = RangeFilter(constraints);
    wants_unchanged_ = true;
    for (const TableConstraint& constraint : constraints) {
      if (constraint.name != "change") continue;
      const bool is_unchanged = constraint.text == PageChangeName(PageChange::kUnchanged);
      wants_unchanged_ &= is_unchanged == (constraint.op == SQLITE_INDEX_CONSTRAINT_EQ) ||
                          (!constraint.text && !constraint.value);
    }
    next_.reset();
    range_ = 0;
    in_range_ = false;
    walk_.reset();
    comparison_.reset();
    analysis_ = FindComparison(cache_, constraints);
    at_end_ = analysis_ == nullptr;
    if (at_end_) return;
    walk_.emplace(reader_, analysis_->gaps());
    before_frames_ = analysis_->before_frames();
    after_frames_ = analysis_->after_frames();
    same_frames_ = &analysis_->same_frames();
    comparison_.emplace(reader_, *analysis_);
    equal_is_unchanged_ = !wants_unchanged_ && analysis_->EqualIsUnchanged();
    Next();
  }

  void Next() override {
    while (true) {
      if (!in_range_ && !EnterRange()) {
        at_end_ = true;
        return;
      }
      if (!next_) next_ = TakePages();
      if (!next_) {
        ++range_;
        in_range_ = false;
        continue;
      }
      run_ = *next_;
      while (true) {
        ExtendUnchanged();
        next_ = TakePages();
        if (!next_ || !next_->Continues(run_)) return;
        run_.page_count += next_->page_count;
      }
    }
  }

  [[nodiscard]] bool AtEnd() const override { return at_end_; }

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

  // What WithRangeKey() wants.
  [[nodiscard]] const ChangeRequest& request() const { return analysis_->request(); }
  [[nodiscard]] const MatchedRange& range() const { return analysis_->match().ranges[range_]; }
  [[nodiscard]] const ProcessMatch& process() const {
    return analysis_->match().processes[range().process];
  }
  [[nodiscard]] uint64_t offset() const { return run_.offset; }

 private:
  // Goes to the next range that is wanted, this one included; false behind the last.
  bool EnterRange() {
    while (range_ < analysis_->match().ranges.size() && !filter_.Admits(range(), process())) {
      ++range_;
    }
    if (range_ == analysis_->match().ranges.size()) return false;
    walk_->Start(range(), process());
    comparison_->Enter(range(), process());
    segment_ = {};
    index_ = 0;
    in_range_ = true;
    return true;
  }

  // Returns the next page of the range that is a row, or more of them that are alike.
  std::optional<Run> TakePages() {
    while (true) {
      if (index_ == segment_.page_count && !NextSegment()) return std::nullopt;
      if (unread_) {
        index_ = segment_.page_count;
        Run run;
        run.offset = segment_.offset;
        run.page_count = segment_.page_count;
        run.change = PageChange::kUnread;
        return run;
      }
      const uint64_t index = index_++;
      if (!wants_unchanged_ && IsSamePresent(index)) continue;
      std::optional<Run> run =
          Compare(segment_.offset + index, WordAt(before_words_, segment_.before, index),
                  WordAt(after_words_, segment_.after, index));
      if (!run) continue;
      run->offset = segment_.offset + index;
      run->page_count = 1;
      return run;
    }
  }

  // Returns whether the page at `index` of the segment is present and unchanged, as most are. Says
  // so of those alone that need no closer look.
  bool IsSamePresent(uint64_t index) {
    const PageWord before = WordAt(before_words_, segment_.before, index);
    return before.present() && before.raw() == WordAt(after_words_, segment_.after, index).raw() &&
           same_frames_->Contains(before.pfn());
  }

  // Takes the next pages into the run as long as they are like that.
  void ExtendUnchanged() {
    if (unread_ || run_.change != PageChange::kUnchanged ||
        run_.before_state != PageState::kPresent ||
        segment_.offset + index_ != run_.offset + run_.page_count) {
      return;
    }
    while (index_ < segment_.page_count && IsSamePresent(index_)) {
      ++index_;
      ++run_.page_count;
    }
  }

  bool NextSegment() {
    do {
      if (!walk_->Next(&segment_)) {
        segment_ = {};
        index_ = 0;
        return false;
      }
      index_ = segment_.page_count;
    } while (segment_.is_absent() || (!wants_unchanged_ && IsUnchanged()));
    index_ = 0;
    unread_ = segment_.unread;
    if (unread_) return true;
    try {
      before_words_ = WordsOf(segment_.before);
      after_words_ = WordsOf(segment_.after);
    } catch (const Error& error) {
      reader_.NoteDamage(error.what());
      unread_ = true;
    }
    return true;
  }

  std::shared_ptr<const std::vector<uint64_t>> WordsOf(const ContentPart& part) {
    if (part.content_id == 0) return nullptr;
    auto words = reader_.SharedWords(part.content_id);
    if (part.first > words->size() || segment_.page_count > words->size() - part.first) {
      throw Error("a content has fewer pages than its table says");
    }
    return words;
  }

  // Returns whether that can be told without a look at the pages.
  bool IsUnchanged() {
    if (segment_.unread || segment_.before.first != segment_.after.first) return false;
    return (equal_is_unchanged_ ||
            analysis_->ShowUnchanged(segment_.before.content_id, segment_.after.content_id)) &&
           HasEqualWords();
  }

  bool HasEqualWords() {
    if (segment_.before.content_id == segment_.after.content_id) return true;
    if (segment_.before.content_id == 0 || segment_.after.content_id == 0) return false;
    try {
      reader_.Fetch(segment_.before.content_id, &before_blob_);
      reader_.Fetch(segment_.after.content_id, &after_blob_);
      return StoredAlike(before_blob_, after_blob_);
    } catch (const Error&) {
      return false;
    }
  }

  static PageWord WordAt(const std::shared_ptr<const std::vector<uint64_t>>& words,
                         const ContentPart& part, uint64_t index) {
    return PageWord(words ? (*words)[part.first + index] : 0);
  }

  // Returns what became of the page, nothing when it is absent on both sides.
  std::optional<Run> Compare(uint64_t offset, PageWord before, PageWord after) {
    if (!before.populated() && !after.populated()) return std::nullopt;
    const FrameFacts* from = FactsOf(analysis_->before(), *before_frames_, before);
    const FrameFacts* to = FactsOf(analysis_->after(), *after_frames_, after);
    const PageClassifier& classifier = analysis_->classifier();
    const std::optional<PageChange> change = comparison_->Classify(offset, before, after);
    if (!change) return std::nullopt;
    Run run;
    run.change = *change;
    run.before = before;
    run.after = after;
    run.before_state = analysis_->before().decoder.State(before);
    run.after_state = analysis_->after().decoder.State(after);
    if (*change == PageChange::kRecharged) {
      run.before_cgroup = from->cgroup;
      run.after_cgroup = to->cgroup;
    } else if (*change == PageChange::kResized) {
      run.before_frames = comparison_->FramesBefore(before);
      run.after_frames = comparison_->FramesAfter(after);
    } else if (*change == PageChange::kFlagsChanged) {
      const uint64_t flags = from && to ? classifier.ChangedFlags(*from, *to) : 0;
      const uint64_t bits = classifier.ChangedBits(before, after);
      run.flags_set = to ? flags & to->flags : 0;
      run.flags_cleared = from ? flags & from->flags : 0;
      run.flag_kind = (flags & kFrameAnonExclusive) != 0 ? to->flags & kFrameAnon : 0;
      run.bits_set = bits & after.raw();
      run.bits_cleared = bits & before.raw();
    }
    return run;
  }
  static const FrameFacts* FactsOf(const SnapshotInfo& snapshot, LoadedFrames frames,
                                   PageWord word) {
    return word.present() && snapshot.pfn_visible ? frames.Find(word.pfn()) : nullptr;
  }

  // Where the first page of the run was in one snapshot.
  template <PageState Run::*kState>
  static void PutState(PageChangeCursor& row, Out out) {
    if (row.run_.change != PageChange::kUnread) out.Name(PageStateName(row.run_.*kState));
  }
  [[nodiscard]] static bool IsVisible(const SnapshotInfo& snapshot, const Run& run) {
    return run.change != PageChange::kUnread && snapshot.pfn_visible;
  }
  static std::optional<uint64_t> Pfn(const SnapshotInfo& snapshot, const Run& run, PageWord word) {
    return IsVisible(snapshot, run) && word.present() ? std::optional(word.pfn()) : std::nullopt;
  }
  static std::optional<uint64_t> SwapType(const SnapshotInfo& snapshot, const Run& run,
                                          PageWord word) {
    const bool is_known = IsVisible(snapshot, run) && word.swap_format();
    return is_known ? std::optional<uint64_t>(word.swap_type()) : std::nullopt;
  }
  static std::optional<uint64_t> SwapOffset(const SnapshotInfo& snapshot, const Run& run,
                                            PageWord word) {
    const bool is_known = IsVisible(snapshot, run) && word.swap_format();
    return is_known ? std::optional<uint64_t>(word.swap_offset()) : std::nullopt;
  }
  using Place = std::optional<uint64_t> (*)(const SnapshotInfo&, const Run&, PageWord);
  template <Place kPlace>
  static void PutBefore(PageChangeCursor& row, Out out) {
    out(kPlace(row.analysis_->before(), row.run_, row.run_.before));
  }
  template <Place kPlace>
  static void PutAfter(PageChangeCursor& row, Out out) {
    out(kPlace(row.analysis_->after(), row.run_, row.run_.after));
  }
  static void PutFolio(Out out, const SnapshotInfo& snapshot, std::optional<uint64_t> frames) {
    if (frames) out(*frames * snapshot.page_size / 1024);
  }
  void PutFlags(Out out, uint64_t flags, uint64_t bits) const {
    if (run_.change != PageChange::kFlagsChanged) return;
    std::string names = FrameFlagNames(flags, analysis_->after().release, run_.flag_kind);
    if (flags != 0 && bits != 0) names += ',';
    if (bits != 0) names += analysis_->after().decoder.BitNames(PageWord(bits));
    out(std::string_view(names));
  }

  AnalysisCache& cache_;
  SnapshotReader& reader_;
  RangeFilter filter_;
  std::shared_ptr<ChangeAnalysis> analysis_;
  std::optional<SegmentWalk> walk_;
  std::optional<PageComparison> comparison_;
  std::optional<LoadedFrames> before_frames_;
  std::optional<LoadedFrames> after_frames_;
  const SameFrames* same_frames_ = nullptr;
  bool wants_unchanged_ = true;
  bool equal_is_unchanged_ = false;  // and unchanged pages are not wanted
  size_t range_ = 0;
  bool in_range_ = false;
  ChangeSegment segment_;
  bool unread_ = false;  // none of the segment's words are known
  uint64_t index_ = 0;   // of the next page in the segment
  std::shared_ptr<const std::vector<uint64_t>> before_words_;
  std::shared_ptr<const std::vector<uint64_t>> after_words_;
  StoredBlob before_blob_;
  StoredBlob after_blob_;
  std::optional<Run> next_;  // was taken, and did not belong to run_
  Run run_;
  bool at_end_ = true;
};

constexpr const char* kNoPfn = "not present, hidden, or unread";
constexpr const char* kNoFolio = "not resized, or the folio was not captured whole";
constexpr const char* kNoSlot = "not in swap format, hidden, or unread";

const std::vector<CursorColumn<PageChangeCursor>> PageChangeCursor::kColumns =
    WithRangeKey<PageChangeCursor>({
        {{"page_count", kInteger}, [](auto& row, Out out) { out(row.run_.page_count); }},
        {{"change", kText, "", "", PushDown::kText},
         [](auto& row, Out out) { out.Name(PageChangeName(row.run_.change)); }},
        {{"before_state", kText, "", "unread"}, PutState<&Run::before_state>},
        {{"before_pfn", kInteger, "", kNoPfn}, PutBefore<Pfn>},
        {{"before_swap_type", kInteger, "", kNoSlot}, PutBefore<SwapType>},
        {{"before_swap_offset", kInteger, "", kNoSlot}, PutBefore<SwapOffset>},
        {{"after_state", kText, "", "unread"}, PutState<&Run::after_state>},
        {{"after_pfn", kInteger, "", kNoPfn}, PutAfter<Pfn>},
        {{"after_swap_type", kInteger, "", kNoSlot}, PutAfter<SwapType>},
        {{"after_swap_offset", kInteger, "", kNoSlot}, PutAfter<SwapOffset>},
        {{"before_cgroup_inode", kInteger, "", "not recharged"},
         [](auto& row, Out out) { out(KnownFact(row.run_.before_cgroup)); }},
        {{"after_cgroup_inode", kInteger, "", "not recharged"},
         [](auto& row, Out out) { out(KnownFact(row.run_.after_cgroup)); }},
        {{"before_folio_kib", kInteger, "KiB", kNoFolio},
         [](auto& row, Out out) {
           row.PutFolio(out, row.analysis_->before(), row.run_.before_frames);
         }},
        {{"after_folio_kib", kInteger, "KiB", kNoFolio},
         [](auto& row, Out out) {
           row.PutFolio(out, row.analysis_->after(), row.run_.after_frames);
         }},
        {{"flags_set", kText, "", "not flags_changed"},
         [](auto& row, Out out) { row.PutFlags(out, row.run_.flags_set, row.run_.bits_set); }},
        {{"flags_cleared", kText, "", "not flags_changed"},
         [](auto& row, Out out) {
           row.PutFlags(out, row.run_.flags_cleared, row.run_.bits_cleared);
         }},
    });

}  // namespace

VirtualTable MakePageChangeTable(AnalysisCache& cache) {
  return {.name = "page_change",
          .columns = Describe(PageChangeCursor::kColumns),
          // A guess: runs are longer than a page.
          .row_count = [](const ReaderSize& size) { return size.pages / 16; },
          // Every page of a run is looked at.
          .row_cost = [](const ReaderSize&) { return 2.0; },
          .open = [&cache] { return std::make_unique<PageChangeCursor>(cache); }};
}

}  // namespace pagesnap
