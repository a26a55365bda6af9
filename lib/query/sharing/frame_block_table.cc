// The virtual table `frame_block`: who owns the frames of each aligned block of N frames.
#include <algorithm>
#include <vector>

#include "lib/base/error.h"
#include "lib/kernel/frame_flags.h"
#include "lib/query/scan/frame_scan.h"
#include "lib/query/tables.h"

namespace pagesnap {
namespace {

enum Column {
  kSnapshotId,
  kPfn,
  kFrameCount,
  kSharedCount,
  kProcessId,
  kOwnedCount,
  kNode,
  kZone,
  kBlockFrames
};

const std::vector<TableColumn> kColumns = {
    {"snapshot_id", "INTEGER", PushDown::kEqual, Key::kSnapshot},
    {"pfn", "INTEGER"},
    {"frame_count", "INTEGER"},
    {"shared_count", "INTEGER"},
    {"process_id", "INTEGER"},
    {"owned_count", "INTEGER"},
    {"node", "INTEGER"},
    {"zone", "TEXT"},
    {"block_frames", "INTEGER HIDDEN", PushDown::kRequired},
};

constexpr int64_t kNobody = 0;  // ids are positive
constexpr int64_t kSeveral = -1;

// Returns the one of the two that stands for both.
int64_t Together(int64_t a, int64_t b) { return a == kNobody || a == b ? b : kSeveral; }

// Says which process maps a frame, of those that were captured.
class FrameOwners {
 public:
  explicit FrameOwners(SnapshotAnalysis& analysis) : users_(analysis.frame_users()) {
    const SnapshotLayout& layout = analysis.layout();
    for (size_t i = 0; i < layout.contents().size(); ++i) {
      int64_t owner = kNobody;
      for (const ContentUse& use : layout.UsesOf(i)) {
        owner = Together(owner, layout.mappings()[use.mapping].process_id);
      }
      of_content_.push_back(owner);
    }
  }
  [[nodiscard]] int64_t Of(uint32_t ordinal) const {
    int64_t owner = kNobody;
    users_.ForEachPage(
        ordinal, [&](size_t content, uint64_t) { owner = Together(owner, of_content_[content]); });
    return owner;
  }

 private:
  const FrameUserIndex& users_;
  std::vector<int64_t> of_content_;
};

struct Owned {
  int64_t process_id;
  int64_t frame_count;
};

class FrameBlockCursor final : public TableCursor {
 public:
  explicit FrameBlockCursor(AnalysisCache& cache) : cache_(cache), scan_(cache.reader()) {}

  void Filter(const std::vector<TableConstraint>& constraints) override {
    int64_t frames = 0;
    for (const TableConstraint& constraint : constraints) {
      if (constraint.column == kBlockFrames) frames = constraint.value.value_or(0);
    }
    if (frames < 1) throw Error("frame_block: a block has 1 frame or more");
    block_frames_ = static_cast<uint64_t>(frames);
    scan_.Start(constraints);
    Next();
  }

  void Next() override {
    at_end_ = scan_.AtEnd();
    if (at_end_) return;
    snapshot_ = &scan_.snapshot();
    if (!owners_ || analysis_->snapshot_id() != snapshot_->id) {
      owners_.reset();
      analysis_ = cache_.Of(snapshot_->id);
      owners_.emplace(*analysis_);
    }
    block_ = scan_.pfn() / block_frames_;
    first_referenced_ = scan_.pfn();
    frame_count_ = shared_count_ = 0;
    owned_.clear();
    do {
      Add();
      scan_.Next();
    } while (!scan_.AtEnd() && scan_.snapshot().id == snapshot_->id &&
             scan_.pfn() / block_frames_ == block_);
  }

  [[nodiscard]] bool AtEnd() const override { return at_end_; }

  void Column(sqlite3_context* context, int column) override {
    const Owned* most = Most();
    const Zone* zone = snapshot_->ZoneOf(first_referenced_);
    switch (column) {
      case kSnapshotId:
        return Result(context, snapshot_->id);
      case kPfn:
        return Result(context, static_cast<int64_t>(block_ * block_frames_));
      case kFrameCount:
        return Result(context, frame_count_);
      case kSharedCount:
        return Result(context, shared_count_);
      case kProcessId:
        return most == nullptr ? void() : Result(context, most->process_id);
      case kOwnedCount:
        return Result(context, most == nullptr ? 0 : most->frame_count);
      case kNode:
        return zone == nullptr ? void() : Result(context, zone->node);
      case kZone:
        return zone == nullptr ? void() : Result(context, zone->name);
      default:
        return Result(context, static_cast<int64_t>(block_frames_));
    }
  }

 private:
  // Zero pages, and PFNs without a frame, are nobody's memory.
  void Add() {
    ++frame_count_;
    const uint64_t flags = scan_.facts().flags;
    if (flags != kNotRead && (flags & (kFrameZeroPage | kFrameNoPage)) != 0) return;
    const int64_t owner = owners_->Of(scan_.ordinal());
    if (owner == kSeveral) ++shared_count_;
    if (owner == kSeveral || owner == kNobody) return;
    // Mostly the one of the frame before.
    for (Owned& owned : owned_) {
      if (owned.process_id != owner) continue;
      ++owned.frame_count;
      return;
    }
    owned_.push_back({owner, 1});
  }

  // Returns the process that owns most, of equals the first; null when none owns any.
  [[nodiscard]] const Owned* Most() const {
    const Owned* most = nullptr;
    for (const Owned& owned : owned_) {
      if (most == nullptr || owned.frame_count > most->frame_count ||
          (owned.frame_count == most->frame_count && owned.process_id < most->process_id)) {
        most = &owned;
      }
    }
    return most;
  }

  AnalysisCache& cache_;
  FrameScan scan_;
  uint64_t block_frames_ = 1;
  std::shared_ptr<SnapshotAnalysis> analysis_;
  std::optional<FrameOwners> owners_;  // of analysis_
  const SnapshotInfo* snapshot_ = nullptr;
  uint64_t block_ = 0;
  uint64_t first_referenced_ = 0;
  int64_t frame_count_ = 0;
  int64_t shared_count_ = 0;
  std::vector<Owned> owned_;
  bool at_end_ = true;
};

class FrameBlockTable final : public VirtualTable {
 public:
  explicit FrameBlockTable(AnalysisCache& cache) : cache_(cache) {}
  [[nodiscard]] const char* name() const override { return "frame_block"; }
  [[nodiscard]] const std::vector<TableColumn>& columns() const override { return kColumns; }
  [[nodiscard]] double row_count() const override {
    return std::max(1.0, cache_.reader().size().frames / 512);
  }
  // Every frame is looked at.
  [[nodiscard]] double row_cost() const override { return 100; }
  [[nodiscard]] const ReaderSize& size() const override { return cache_.reader().size(); }
  [[nodiscard]] std::vector<int> order() const override { return {kSnapshotId, kPfn}; }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<FrameBlockCursor>(cache_);
  }

 private:
  AnalysisCache& cache_;
};

}  // namespace

std::unique_ptr<VirtualTable> MakeFrameBlockTable(AnalysisCache& cache) {
  return std::make_unique<FrameBlockTable>(cache);
}

}  // namespace pagesnap
