// The virtual table `page_run`: adjacent pages that are alike.
#include <optional>

#include "lib/kernel/frame_flags.h"
#include "lib/query/scan.h"
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

const std::vector<TableColumn> kColumns = {
    {"snapshot_id", "INTEGER", PushDown::kEqual, Key::kSnapshot},
    {"process_id", "INTEGER", PushDown::kEqual, Key::kProcess},
    {"mapping_id", "INTEGER", PushDown::kEqual, Key::kMapping},
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

// Pages that are alike but for their place: the next page has the next frame or swap slot.
struct Run {
  uint64_t page = 0;
  uint64_t page_count = 0;
  PageState state = PageState::kAbsent;
  bool swap_format = false;
  uint64_t place = 0;  // PFN, or swap offset; 0 where it is hidden
  unsigned swap_type = 0;
  std::optional<FrameFacts> facts = std::nullopt;
  const Zone* zone = nullptr;

  [[nodiscard]] bool Continues(const Run& before, bool places_visible) const {
    const uint64_t expected = before.place + (places_visible ? before.page_count : 0);
    return page == before.page + before.page_count && state == before.state &&
           swap_format == before.swap_format && place == expected &&
           swap_type == before.swap_type && zone == before.zone &&
           facts.has_value() == before.facts.has_value() &&
           (!facts ||
            (facts->flags == before.facts->flags && facts->map_count == before.facts->map_count &&
             facts->cgroup == before.facts->cgroup));
  }
};

class PageRunCursor final : public TableCursor {
 public:
  explicit PageRunCursor(SnapshotReader& reader) : reader_(reader), scan_(reader) {}

  void Filter(const std::vector<TableConstraint>& constraints) override {
    scan_.Start(constraints, kPage);
    in_mapping_ = false;
    next_.reset();
    Next();
  }

  // A run starts with the first page that was read and did not belong to the one before. A bound on
  // `page` chooses mappings and no parts of them, so that it never cuts a run.
  void Next() override {
    while (true) {
      if (!in_mapping_ && !EnterMapping()) {
        at_end_ = true;
        return;
      }
      at_end_ = false;
      run_ = {};
      if (!next_) next_ = TakePage();
      if (next_) run_ = *next_;
      while (next_) {
        next_ = TakePage();
        if (!next_ || !next_->Continues(run_, snapshot_->pfn_visible)) break;
        ++run_.page_count;
      }
      if (run_.page_count > 0) return;
      in_mapping_ = false;
    }
  }

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
        return Result(context, static_cast<int64_t>(run_.page));
      case kPageCount:
        return Result(context, static_cast<int64_t>(run_.page_count));
      case kState:
        return Result(context, std::string_view(PageStateName(run_.state)));
      default:
        if (snapshot_->pfn_visible) LocationColumn(context, column);
    }
  }

 private:
  void LocationColumn(sqlite3_context* context, int column) const {
    if (run_.swap_format) {
      if (column == kSwapType) Result(context, int64_t{run_.swap_type});
      if (column == kSwapOffset) Result(context, static_cast<int64_t>(run_.place));
      return;
    }
    if (column == kPfn) return Result(context, static_cast<int64_t>(run_.place));
    if (run_.zone != nullptr && column == kNode) return Result(context, run_.zone->node);
    if (run_.zone != nullptr && column == kZone) return Result(context, run_.zone->name);
    if (run_.facts) FactColumn(context, column, *run_.facts);
  }

  void FactColumn(sqlite3_context* context, int column, const FrameFacts& facts) const {
    auto fact = [&](uint64_t value) {
      if (value != kNotRead) Result(context, static_cast<int64_t>(value));
    };
    if (column == kFlags) fact(facts.flags);
    if (column == kMapCount) fact(facts.map_count);
    if (column == kCgroupInode) fact(facts.cgroup);
    if (column == kFlagNames && facts.flags != kNotRead) {
      Result(context, FrameFlagNames(facts.flags, snapshot_->release));
    }
  }

  bool EnterMapping() {
    if (!scan_.Next()) return false;
    in_mapping_ = true;
    snapshot_ = &reader_.snapshot(scan_.mapping().snapshot_id);
    frames_ = snapshot_->pfn_visible ? &reader_.Frames(snapshot_->id) : nullptr;
    chunks_ = reader_.Chunks(scan_.mapping());
    next_chunk_ = 0;
    words_ = {};
    index_ = 0;
    return true;
  }

  // Returns the next populated page of the mapping as a run of one.
  std::optional<Run> TakePage() {
    while (true) {
      while (index_ < words_.size() && !PageWord(words_[index_]).populated()) ++index_;
      if (index_ < words_.size()) {
        const uint64_t page = first_page_ + index_;
        return RunOf(page, PageWord(words_[index_++]));
      }
      if (next_chunk_ == chunks_.size()) return std::nullopt;
      const ChunkInfo& chunk = chunks_[next_chunk_++];
      first_page_ = scan_.mapping().first_page + chunk.first_page;
      held_words_ = reader_.SharedWords(chunk.content_id);
      words_ = *held_words_;
      index_ = 0;
    }
  }

  [[nodiscard]] Run RunOf(uint64_t page, PageWord word) const {
    Run run{.page = page, .page_count = 1};
    run.state = snapshot_->decoder.State(word);
    run.swap_format = word.swap_format();
    if (frames_ == nullptr) return run;
    if (run.swap_format) {
      run.swap_type = word.swap_type();
      run.place = word.swap_offset();
      return run;
    }
    run.place = word.pfn();
    run.zone = snapshot_->ZoneOf(run.place);
    if (const FrameFacts* facts = frames_->Find(run.place)) run.facts = *facts;
    return run;
  }

  SnapshotReader& reader_;
  MappingScan scan_;
  const SnapshotInfo* snapshot_ = nullptr;
  FrameTable* frames_ = nullptr;  // null where PFNs are hidden
  bool in_mapping_ = false;
  std::vector<ChunkInfo> chunks_;
  size_t next_chunk_ = 0;
  std::shared_ptr<const std::vector<uint64_t>> held_words_;
  std::span<const uint64_t> words_;  // of held_words_
  size_t index_ = 0;
  uint64_t first_page_ = 0;  // of words_
  Run run_;
  std::optional<Run> next_;  // the page behind the run, when it was read
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

}  // namespace

std::unique_ptr<VirtualTable> MakePageRunTable(SnapshotReader& reader) {
  return std::make_unique<PageRunTable>(reader);
}

}  // namespace pagesnap
