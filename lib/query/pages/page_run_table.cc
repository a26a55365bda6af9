// The virtual tables `page_run`, adjacent pages that are alike, and `page_run_count`.
#include <optional>

#include "lib/query/scan/chunk_scan.h"
#include "lib/query/scan/content_summaries.h"
#include "lib/query/scan/frame_results.h"
#include "lib/query/scan/mapping_table.h"
#include "lib/query/scan/run_chain.h"
#include "lib/query/tables.h"

namespace pagesnap {
namespace {

enum Column {
  kSnapshotId,
  kProcessId,
  kMappingId,
  kPage,
  kPageCount,
  kState,
  kPfn,
  kSwapType,
  kSwapOffset,
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
    {"page_count", "INTEGER"},
    {"state", "TEXT"},
    {"pfn", "INTEGER"},
    {"swap_type", "INTEGER"},
    {"swap_offset", "INTEGER"},
    {"flags", "INTEGER"},
    {"flag_names", "TEXT"},
    {"map_count", "INTEGER"},
    {"cgroup_inode", "INTEGER"},
    {"node", "INTEGER"},
    {"zone", "TEXT"},
};

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

// Returns whether facts about the page's frame can be looked up.
bool HasFrame(const SnapshotInfo& snapshot, PageWord word) {
  return snapshot.pfn_visible && word.present();
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

  void SetColumnsUsed(uint32_t columns) override {
    constexpr uint32_t kFacts =
        1u << kFlags | 1u << kFlagNames | 1u << kMapCount | 1u << kCgroupInode;
    scan_.rule().WantFacts((columns & kFacts) != 0);
  }
  void Filter(const std::vector<TableConstraint>& constraints) override {
    scan_.Start(constraints, kPage);
    Next();
  }
  void Next() override { at_end_ = !scan_.Next(); }
  [[nodiscard]] bool AtEnd() const override { return at_end_; }

  void Column(sqlite3_context* context, int column) override {
    switch (column) {
      case kSnapshotId:
        return Result(context, scan_.mapping().snapshot_id);
      case kProcessId:
        return Result(context, scan_.mapping().process_id);
      case kMappingId:
        return Result(context, scan_.mapping().id);
      case kPage:
        return Result(context, static_cast<int64_t>(scan_.page()));
      case kPageCount:
        return Result(context, static_cast<int64_t>(scan_.page_count()));
      case kState:
        return NameResult(context,
                          PageStateName(scan_.snapshot().decoder.State(scan_.rule().first())));
      default:
        if (scan_.snapshot().pfn_visible) LocationColumn(context, column);
    }
  }

 private:
  void LocationColumn(sqlite3_context* context, int column) {
    const PageWord first = scan_.rule().first();
    if (first.swap_format()) {
      if (column == kSwapType) Result(context, int64_t{first.swap_type()});
      if (column == kSwapOffset) Result(context, static_cast<int64_t>(first.swap_offset()));
      return;
    }
    switch (column) {
      case kPfn:
        return Result(context, static_cast<int64_t>(first.pfn()));
      case kNode:
        return NodeResult(context, scan_.snapshot().ZoneOf(first.pfn()));
      case kZone:
        return ZoneResult(context, scan_.snapshot().ZoneOf(first.pfn()));
      default:
        if (const FrameFacts* facts = scan_.rule().facts()) {
          FactColumn(context, column, kFactColumns, *facts, scan_.snapshot().release, &flag_names_);
        }
    }
  }

  RunScan<AlikePages> scan_;
  FlagNames flag_names_;
  bool at_end_ = true;
};

class PageRunTable final : public VirtualTable {
 public:
  explicit PageRunTable(SnapshotReader& reader) : reader_(reader) {}
  [[nodiscard]] const char* name() const override { return "page_run"; }
  [[nodiscard]] const std::vector<TableColumn>& columns() const override { return kColumns; }
  // At worst each page is alone.
  [[nodiscard]] double row_count() const override { return reader_.size().pages; }
  [[nodiscard]] const ReaderSize& size() const override { return reader_.size(); }
  [[nodiscard]] std::vector<int> order() const override { return {kProcessId, kMappingId, kPage}; }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<PageRunCursor>(reader_);
  }

 private:
  SnapshotReader& reader_;
};

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

const std::vector<TableColumn> kCountColumns =
    WithMappingKey({{"run_count", "INTEGER"}, {"page_count", "INTEGER"}});

class PageRunCountCursor final : public MappingCursor {
 public:
  PageRunCountCursor(SnapshotReader& reader, ContentSummaries<AlikeSummary>& summaries)
      : MappingCursor(reader), summaries_(summaries) {}

 protected:
  void Enter(std::span<const MappingInfo> mappings) override { summaries_.Prepare(mappings); }
  size_t Load(const MappingInfo& mapping) override {
    AlikeChain chain;
    summaries_.ForEach(mapping, [&](const AlikeSummary& summary, uint64_t shift) {
      chain.Append(summary.chain, shift);
    });
    counts_ = chain.Total();
    return 1;
  }
  void FigureColumn(sqlite3_context* context, size_t, int figure) override {
    Result(context, static_cast<int64_t>(figure == 0 ? counts_.run_count : counts_.page_count));
  }

 private:
  ContentSummaries<AlikeSummary>& summaries_;  // of the table
  AlikeCounts counts_;
};

class PageRunCountTable final : public MappingTable {
 public:
  explicit PageRunCountTable(SnapshotReader& reader)
      : MappingTable("page_run_count", kCountColumns, reader), summaries_(reader) {}
  [[nodiscard]] double row_cost() const override { return CostOfPages(); }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<PageRunCountCursor>(reader_, summaries_);
  }

 private:
  // Kept between queries: what was summed up once is not summed up again.
  ContentSummaries<AlikeSummary> summaries_;
};

}  // namespace

std::unique_ptr<VirtualTable> MakePageRunTable(SnapshotReader& reader) {
  return std::make_unique<PageRunTable>(reader);
}

std::unique_ptr<VirtualTable> MakePageRunCountTable(SnapshotReader& reader) {
  return std::make_unique<PageRunCountTable>(reader);
}

}  // namespace pagesnap
