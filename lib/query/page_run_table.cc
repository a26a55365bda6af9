// The virtual table `page_run`: adjacent pages that are alike.
#include <optional>
#include <string>

#include "lib/kernel/frame_flags.h"
#include "lib/query/chunk_scan.h"
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

// Which pages are alike but for their place: the next page has the next frame or swap slot. What
// only some queries ask for is looked up when it is asked for.
class AlikePages {
 public:
  explicit AlikePages(SnapshotReader& reader) : reader_(reader) {}

  void Enter(const SnapshotInfo& snapshot) {
    snapshot_ = &snapshot;
    frames_ = snapshot.pfn_visible ? &reader_.Frames(snapshot.id) : nullptr;
  }
  bool Begins(PageWord word) {
    if (!word.populated()) return false;
    first_ = word;
    facts_.reset();
    return true;
  }
  bool Continues(PageWord word, uint64_t page_count) {
    if (!word.populated() || word.swap_format() != first_.swap_format()) return false;
    if (frames_ == nullptr) return StateOf(word) == state();
    if (word.swap_format()) {
      return word.swap_offset() == first_.swap_offset() + page_count &&
             word.swap_type() == first_.swap_type() && StateOf(word) == state();
    }
    return word.pfn() == first_.pfn() + page_count && HasSameFacts(word.pfn());
  }

  // Of the run: its first word, what all pages are, and all frames, null for none.
  [[nodiscard]] PageWord first() const { return first_; }
  [[nodiscard]] PageState state() const { return StateOf(first_); }
  [[nodiscard]] bool places_visible() const { return frames_ != nullptr; }
  [[nodiscard]] const FrameFacts* facts() {
    if (!facts_) facts_ = frames_->Find(first_.pfn());
    return *facts_;
  }
  [[nodiscard]] const Zone* zone() const { return snapshot_->ZoneOf(first_.pfn()); }

 private:
  [[nodiscard]] PageState StateOf(PageWord word) const { return snapshot_->decoder.State(word); }
  bool HasSameFacts(uint64_t pfn) {
    if (snapshot_->ZoneOf(pfn) != zone()) return false;
    const FrameFacts* here = frames_->Find(pfn);
    const FrameFacts* before = facts();
    if (here == before) return true;
    return here != nullptr && before != nullptr && here->flags == before->flags &&
           here->map_count == before->map_count && here->cgroup == before->cgroup;
  }

  SnapshotReader& reader_;
  const SnapshotInfo* snapshot_ = nullptr;
  FrameTable* frames_ = nullptr;  // null where PFNs are hidden
  PageWord first_{0};
  std::optional<const FrameFacts*> facts_;  // empty: not looked up yet
};

class PageRunCursor final : public TableCursor {
 public:
  explicit PageRunCursor(SnapshotReader& reader) : scan_(reader, AlikePages(reader)) {}

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
        return Result(context, std::string_view(PageStateName(scan_.rule().state())));
      default:
        if (scan_.rule().places_visible()) LocationColumn(context, column);
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
    if (column == kPfn) return Result(context, static_cast<int64_t>(first.pfn()));
    if (column == kNode || column == kZone) {
      const Zone* zone = scan_.rule().zone();
      if (zone == nullptr) return;
      return column == kNode ? Result(context, zone->node) : Result(context, zone->name);
    }
    if (const FrameFacts* facts = scan_.rule().facts()) FactColumn(context, column, *facts);
  }

  void FactColumn(sqlite3_context* context, int column, const FrameFacts& facts) {
    auto fact = [&](uint64_t value) {
      if (value != kNotRead) Result(context, static_cast<int64_t>(value));
    };
    if (column == kFlags) fact(facts.flags);
    if (column == kMapCount) fact(facts.map_count);
    if (column == kCgroupInode) fact(facts.cgroup);
    if (column == kFlagNames && facts.flags != kNotRead) Result(context, NamesOf(facts.flags));
  }

  // Most runs have the flags of the one before.
  const std::string& NamesOf(uint64_t flags) {
    if (named_snapshot_ != &scan_.snapshot() || flags != named_flags_) {
      named_snapshot_ = &scan_.snapshot();
      named_flags_ = flags;
      names_ = FrameFlagNames(flags, scan_.snapshot().release);
    }
    return names_;
  }

  RunScan<AlikePages> scan_;
  const SnapshotInfo* named_snapshot_ = nullptr;
  uint64_t named_flags_ = 0;
  std::string names_;  // of named_flags_
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
