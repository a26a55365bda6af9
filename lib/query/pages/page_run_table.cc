// The virtual tables `page_run`, adjacent pages that are alike, and `page_run_count`.
#include <optional>

#include "lib/query/pages/page_columns.h"
#include "lib/query/pages/tables.h"
#include "lib/query/scan/chunk_scan.h"
#include "lib/query/scan/content_summaries.h"
#include "lib/query/scan/frame_results.h"
#include "lib/query/scan/run_chain.h"

namespace pagesnap {
namespace {

// Returns whether a page with the word `next` may belong to a run of `page_count` pages before it
// that begins with the word `first`: what the words alone can say. The next page has the next frame
// or swap slot; where PFNs are hidden, there are no places.
bool FollowsInWords(const SnapshotInfo& snapshot, PageWord first, uint64_t page_count,
                    PageWord next) {
  if (!next.populated() || next.swap_format() != first.swap_format()) return false;
  auto has_same_state = [&] {
    return snapshot.decoder.State(next) == snapshot.decoder.State(first);
  };
  if (!snapshot.pfn_visible) return has_same_state();
  if (next.swap_format()) {
    return next.swap_offset() == first.swap_offset() + page_count &&
           next.swap_type() == first.swap_type() && has_same_state();
  }
  return next.pfn() == first.pfn() + page_count &&
         snapshot.ZoneOf(next.pfn()) == snapshot.ZoneOf(first.pfn());
}

// Either may be null: nothing is known of the frame.
bool AreSame(const FrameFacts* a, const FrameFacts* b) {
  if (a == b) return true;
  return a != nullptr && b != nullptr && a->flags == b->flags && a->map_count == b->map_count &&
         a->cgroup == b->cgroup;
}

// Returns whether facts about the page's frame can be looked up. PFN 0 was left out.
bool HasFrame(const SnapshotInfo& snapshot, PageWord word) {
  return snapshot.pfn_visible && word.present() && word.pfn() != 0;
}

// Which pages are alike but for their place. What only some queries ask for is looked up when it is
// asked for.
class AlikePages {
 public:
  explicit AlikePages(SnapshotReader& reader) : reader_(reader) {}

  void Enter(const SnapshotInfo& snapshot) {
    snapshot_ = &snapshot;
    frames_ = snapshot.pfn_visible ? reader_.Frames(snapshot.id) : nullptr;
  }
  // Whether facts() of each run will be asked for, so that it pays to fetch them before.
  void WantFacts(bool wanted) { wants_facts_ = wanted; }
  void Expect(PageWord word) const {
    if (wants_facts_ && frames_ != nullptr && word.present()) frames_->Prefetch(word.pfn());
  }
  bool Begins(PageWord word) {
    if (!word.populated()) return false;
    first_ = word;
    facts_.reset();
    return true;
  }
  bool Continues(PageWord word, uint64_t page_count) {
    if (!FollowsInWords(*snapshot_, first_, page_count, word)) return false;
    return !HasFrame(*snapshot_, word) || AreSame(facts(), frames_->Find(word.pfn()));
  }

  // Of the run: its first word, and what the first frame and all others are, null for nothing.
  [[nodiscard]] PageWord first() const { return first_; }
  [[nodiscard]] const FrameFacts* facts() {
    if (!facts_) facts_ = frames_->Find(first_.pfn());
    return *facts_;
  }

 private:
  SnapshotReader& reader_;
  const SnapshotInfo* snapshot_ = nullptr;
  std::shared_ptr<FrameTable> frames_;  // null where PFNs are hidden
  bool wants_facts_ = false;
  PageWord first_{0};
  std::optional<const FrameFacts*> facts_;  // empty: not looked up yet
};

class PageRunCursor final : public TableCursor {
 public:
  explicit PageRunCursor(SnapshotReader& reader) : scan_(reader, AlikePages(reader)) {}

  static const std::vector<CursorColumn<PageRunCursor>> kColumns;

  void SetColumnsUsed(uint64_t columns) override {
    static const uint64_t kFacts =
        BitsOf(kColumns, {"flags", "flag_names", "map_count", "cgroup_inode"});
    scan_.rule().WantFacts((columns & kFacts) != 0);
  }
  void Filter(const std::vector<TableConstraint>& constraints) override {
    scan_.Start(constraints, kPageColumn);
    Next();
  }
  void Next() override { at_end_ = !scan_.Next(); }
  [[nodiscard]] bool AtEnd() const override { return at_end_; }

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

  [[nodiscard]] const MappingInfo& mapping() const { return scan_.mapping(); }
  [[nodiscard]] uint64_t page() const { return scan_.page(); }
  [[nodiscard]] const PageCut& cut() const { return scan_.cut(); }

 private:
  // Of the first page.
  PageWord word() { return scan_.rule().first(); }
  bool HasSlot() { return scan_.snapshot().pfn_visible && word().swap_format(); }
  // Null without a frame, or when nothing is known of it.
  const Zone* zone() {
    return HasFrame(scan_.snapshot(), word()) ? scan_.snapshot().ZoneOf(word().pfn()) : nullptr;
  }
  const FrameFacts* facts() {
    return HasFrame(scan_.snapshot(), word()) ? scan_.rule().facts() : nullptr;
  }
  template <uint64_t FrameFacts::*kFact>
  static void PutFact(PageRunCursor& row, Out out) {
    if (const FrameFacts* facts = row.facts()) out(KnownFact(facts->*kFact));
  }

  RunScan<AlikePages> scan_;
  FlagNames flag_names_;
  bool at_end_ = true;
};

const std::vector<CursorColumn<PageRunCursor>> PageRunCursor::kColumns =
    WithPageKey<PageRunCursor>(WithPageCut<PageRunCursor>({
        {{"page_count", kInteger}, [](auto& row, Out out) { out(row.scan_.page_count()); }},
        {{"state", kText},
         [](auto& row, Out out) {
           out.Name(PageStateName(row.scan_.snapshot().decoder.State(row.word())));
         }},
        {{"pfn", kInteger, "", "not present, or hidden"},
         [](auto& row, Out out) {
           if (HasFrame(row.scan_.snapshot(), row.word())) out(row.word().pfn());
         }},
        {{"swap_type", kInteger, "", kNoSlot},
         [](auto& row, Out out) {
           if (row.HasSlot()) out(row.word().swap_type());
         }},
        {{"swap_offset", kInteger, "pages", kNoSlot},
         [](auto& row, Out out) {
           if (row.HasSlot()) out(row.word().swap_offset());
         }},
        {{"flags", kInteger, "", kNoFacts}, PutFact<&FrameFacts::flags>},
        {{"flag_names", kText, "", kNoFacts},
         [](auto& row, Out out) {
           const FrameFacts* facts = row.facts();
           if (facts != nullptr)
             row.flag_names_.Put(out, facts->flags, row.scan_.snapshot().release);
         }},
        {{"map_count", kInteger, "", kNoFacts}, PutFact<&FrameFacts::map_count>},
        {{"cgroup_inode", kInteger, "", kNoFacts}, PutFact<&FrameFacts::cgroup>},
        {{"node", kInteger, "", kNoZone}, [](auto& row, Out out) { PutNode(out, row.zone()); }},
        {{"zone", kText, "", kNoZone}, [](auto& row, Out out) { PutZone(out, row.zone()); }},
    }));

// A run of a content, for joining.
struct AlikeRun {
  const SnapshotInfo* snapshot = nullptr;
  uint64_t page = 0;
  uint64_t page_count = 0;
  PageWord first{0};
  const FrameFacts* facts = nullptr;  // null: not looked up, or nothing is known

  [[nodiscard]] bool MayJoin(const AlikeRun& next) const {
    return page_count > 0 && next.page == page + page_count &&
           FollowsInWords(*snapshot, first, page_count, next.first);
  }
  bool Join(const AlikeRun& next) {
    if (!MayJoin(next) || !AreSame(facts, next.facts)) return false;
    page_count += next.page_count;
    return true;
  }
};

struct AlikeCounts {
  void Add(const AlikeRun& run) { Add({1, run.page_count}); }
  void Add(const AlikeCounts& other) {
    run_count += other.run_count;
    page_count += other.page_count;
  }

  uint64_t run_count = 0;
  uint64_t page_count = 0;
};

using AlikeChain = RunChain<AlikeRun, AlikeCounts>;

struct AlikeSummary {
  static constexpr bool kNeedsPlace = false;
  static constexpr bool kPresentOnly = false;
  AlikeChain chain;

  // The frames are looked up where pages follow each other in words, and at the edges, where they
  // may follow on in the next content. Most pages in random frames need none.
  template <typename Frames>
  void Add(const SnapshotInfo& snapshot, const Frames& frames, std::span<const uint64_t> words,
           uint64_t place) {
    auto look_up = [&](AlikeRun* run) {
      if (run->facts == nullptr && HasFrame(snapshot, run->first)) {
        run->facts = frames.Find(run->first.pfn());
      }
    };
    AlikeRun run;
    for (size_t i = 0; i < words.size(); ++i) {
      AlikeRun next{&snapshot, place + i, 1, PageWord(words[i])};
      if (!next.first.populated()) continue;
      if (run.MayJoin(next)) {
        look_up(&run);
        look_up(&next);
        if (run.Join(next)) continue;
      } else if (chain.empty()) {
        look_up(&run);
      }
      if (run.page_count > 0) chain.Append(run);
      run = next;
    }
    look_up(&run);
    if (run.page_count > 0) chain.Append(run);
  }
};

class PageRunCountCursor final : public MappingCursor {
 public:
  explicit PageRunCountCursor(AnalysisCache& cache)
      : MappingCursor(cache.reader()), summaries_(cache.OfAll<ContentSummaries<AlikeSummary>>()) {}

  static const std::vector<CursorColumn<PageRunCountCursor>> kColumns;

  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 protected:
  void Enter(std::span<const MappingInfo> mappings) override { summaries_->Prepare(mappings); }
  size_t Load(const MappingInfo& mapping) override {
    AlikeChain chain;
    summaries_->ForEach(mapping, cut(), [&](const AlikeSummary& summary, uint64_t shift) {
      chain.Append(summary.chain, shift);
    });
    counts_ = chain.Total();
    return 1;
  }

 private:
  // Shared by all queries: what was summed up once is not summed up again.
  std::shared_ptr<ContentSummaries<AlikeSummary>> summaries_;
  AlikeCounts counts_;
};

const std::vector<CursorColumn<PageRunCountCursor>> PageRunCountCursor::kColumns =
    WithMappingKey<PageRunCountCursor>(WithPageCut<PageRunCountCursor>({
        {{"run_count", kInteger}, [](auto& row, Out out) { out(row.counts_.run_count); }},
        {{"page_count", kInteger}, [](auto& row, Out out) { out(row.counts_.page_count); }},
    }));

}  // namespace

VirtualTable MakePageRunTable(AnalysisCache& cache) {
  return {.name = "page_run",
          .columns = Describe(PageRunCursor::kColumns),
          .order = kByPage,
          // At worst each page is alone.
          .row_count = [](const ReaderSize& size) { return size.pages; },
          .open = [&cache] { return std::make_unique<PageRunCursor>(cache.reader()); }};
}

VirtualTable MakePageRunCountTable(AnalysisCache& cache) {
  return {.name = "page_run_count",
          .columns = Describe(PageRunCountCursor::kColumns),
          .order = kByMapping,
          .row_count = MappingCount,
          .row_cost = CostOfPages,
          .open = [&cache] { return std::make_unique<PageRunCountCursor>(cache); }};
}

}  // namespace pagesnap
