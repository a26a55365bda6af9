// The virtual table `ram_block`: what is in each aligned block of N frames.
#include <algorithm>
#include <array>
#include <optional>

#include "lib/base/error.h"
#include "lib/query/ram/ram_scan.h"
#include "lib/query/ram/tables.h"
#include "lib/query/scan/frame_results.h"

namespace pagesnap {
namespace {

constexpr const char* kBlockFrames = "block_frames";

// What becomes of a frame when the kernel wants the block that it is in.
enum class Occupant {
  kFree,
  kAnonymous,  // can be moved: anonymous memory, and what is in the swap cache
  kShmem,      // can be moved
  kFile,       // can be moved or dropped
  kHugetlb,    // of a pool
  kSlab,
  kPageTable,
  kKernel,     // reserved, of a driver, poisoned: cannot be moved
  kUnflagged,  // the kernel's, or free on a list of a CPU
  kUnread,
  kCount
};

Occupant OccupantOf(RamKind kind) {
  switch (kind) {
    case RamKind::kFree:
      return Occupant::kFree;
    case RamKind::kAnonymous:
    case RamKind::kSwapCache:
      return Occupant::kAnonymous;
    case RamKind::kShmem:
      return Occupant::kShmem;
    case RamKind::kFile:
      return Occupant::kFile;
    case RamKind::kHugetlb:
      return Occupant::kHugetlb;
    case RamKind::kSlab:
      return Occupant::kSlab;
    case RamKind::kPageTable:
      return Occupant::kPageTable;
    case RamKind::kUnflagged:
      return Occupant::kUnflagged;
    case RamKind::kUnread:
      return Occupant::kUnread;
    default:
      return Occupant::kKernel;
  }
}

class RamBlockCursor final : public TableCursor {
 public:
  explicit RamBlockCursor(AnalysisCache& cache) : reader_(cache.reader()) {}

  static const std::vector<CursorColumn<RamBlockCursor>> kColumns;

  void Filter(const std::vector<TableConstraint>& constraints) override {
    int64_t frames = 0;
    snapshot_id_.reset();
    for (const TableConstraint& constraint : constraints) {
      if (constraint.name == kBlockFrames) frames = constraint.value.value_or(0);
      if (constraint.column == 0) snapshot_id_ = constraint.value.value_or(-1);
    }
    if (frames < 1) throw Error("ram_block: a block has 1 frame or more");
    block_frames_ = static_cast<uint64_t>(frames);
    next_snapshot_ = 0;
    scan_.reset();
    rest_ = {};
    Next();
  }

  void Next() override {
    while (rest_.frame_count == 0) {
      if (scan_ && TakeRun()) break;
      scan_.reset();
      at_end_ = !OpenNext();
      if (at_end_) return;
    }
    block_ = rest_.first_pfn / block_frames_;
    zone_ = rest_.zone;
    counts_ = {};
    do {
      AddRest();
    } while ((rest_.frame_count > 0 || TakeRun()) && rest_.first_pfn / block_frames_ == block_);
  }

  [[nodiscard]] bool AtEnd() const override { return at_end_; }
  void Column(Out out, int column) override { kColumns[column].get(*this, out); }

 private:
  bool OpenNext() {
    const auto& snapshots = reader_.snapshots();
    while (next_snapshot_ < snapshots.size()) {
      const int64_t id = snapshots[next_snapshot_++].id;
      if (snapshot_id_ && id != *snapshot_id_) continue;
      snapshot_ = &reader_.snapshot(id);
      scan_.emplace(reader_, id);
      return true;
    }
    return false;
  }
  bool TakeRun() {
    if (!scan_->Next()) return false;
    rest_ = scan_->run();
    return true;
  }
  // Adds what of the run is in the block, and keeps the rest.
  void AddRest() {
    const uint64_t into = rest_.first_pfn % block_frames_;
    const uint64_t count = std::min(rest_.frame_count, block_frames_ - into);
    if (rest_.kind != RamKind::kHole) counts_[static_cast<size_t>(OccupantOf(rest_.kind))] += count;
    rest_.first_pfn += count;
    rest_.frame_count -= count;
  }

  [[nodiscard]] uint64_t CountOf(Occupant occupant) const {
    return counts_[static_cast<size_t>(occupant)];
  }
  [[nodiscard]] uint64_t frame_count() const {
    uint64_t count = 0;
    for (const uint64_t part : counts_) count += part;
    return count;
  }

  SnapshotReader& reader_;
  std::optional<int64_t> snapshot_id_;
  size_t next_snapshot_ = 0;
  const SnapshotInfo* snapshot_ = nullptr;
  std::optional<RamScan> scan_;
  uint64_t block_frames_ = 1;
  RamRun rest_;  // of the current run, what is in later blocks
  uint64_t block_ = 0;
  const Zone* zone_ = nullptr;  // of its first frame
  std::array<uint64_t, static_cast<size_t>(Occupant::kCount)> counts_{};
  bool at_end_ = true;
};

const std::vector<CursorColumn<RamBlockCursor>> RamBlockCursor::kColumns = {
    {{"snapshot_id", kInteger, "", "", PushDown::kEqual, Key::kSnapshot},
     [](auto& row, Out out) { out(row.snapshot_->id); }},
    {{"pfn", kInteger}, [](auto& row, Out out) { out(row.block_ * row.block_frames_); }},
    {{"frame_count", kInteger}, [](auto& row, Out out) { out(row.frame_count()); }},
    {{"free_count", kInteger}, [](auto& row, Out out) { out(row.CountOf(Occupant::kFree)); }},
    {{"anonymous_count", kInteger},
     [](auto& row, Out out) { out(row.CountOf(Occupant::kAnonymous)); }},
    {{"shmem_count", kInteger}, [](auto& row, Out out) { out(row.CountOf(Occupant::kShmem)); }},
    {{"file_count", kInteger}, [](auto& row, Out out) { out(row.CountOf(Occupant::kFile)); }},
    {{"hugetlb_count", kInteger}, [](auto& row, Out out) { out(row.CountOf(Occupant::kHugetlb)); }},
    {{"slab_count", kInteger}, [](auto& row, Out out) { out(row.CountOf(Occupant::kSlab)); }},
    {{"page_table_count", kInteger},
     [](auto& row, Out out) { out(row.CountOf(Occupant::kPageTable)); }},
    {{"kernel_count", kInteger}, [](auto& row, Out out) { out(row.CountOf(Occupant::kKernel)); }},
    {{"unflagged_count", kInteger},
     [](auto& row, Out out) { out(row.CountOf(Occupant::kUnflagged)); }},
    {{"unread_count", kInteger}, [](auto& row, Out out) { out(row.CountOf(Occupant::kUnread)); }},
    {{"node", kInteger, "", "in no zone"}, [](auto& row, Out out) { PutNode(out, row.zone_); }},
    {{"zone", kText, "", "in no zone"}, [](auto& row, Out out) { PutZone(out, row.zone_); }},
    {{kBlockFrames, kIntegerArgument, "", "", PushDown::kRequired},
     [](auto& row, Out out) { out(row.block_frames_); }},
};

}  // namespace

VirtualTable MakeRamBlockTable(AnalysisCache& cache) {
  return {.name = "ram_block",
          .columns = Describe(RamBlockCursor::kColumns),
          .order = {"snapshot_id", "pfn"},
          .row_count = [](const ReaderSize& size) { return std::max(1.0, size.ram / 512); },
          // Every run is looked at.
          .row_cost = [](const ReaderSize&) { return 20.0; },
          .open = [&cache] { return std::make_unique<RamBlockCursor>(cache); }};
}

}  // namespace pagesnap
