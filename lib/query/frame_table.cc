// The virtual table `frame`.
#include <algorithm>

#include "lib/kernel/frame_flags.h"
#include "lib/query/tables.h"

namespace pagesnap {
namespace {

enum Column { kSnapshotId, kPfn, kFlags, kFlagNames, kMapCount, kCgroupInode, kNode, kZone };

const std::vector<TableColumn> kColumns = {
    {"snapshot_id", "INTEGER", PushDown::kEqual, 0.5},
    {"pfn", "INTEGER", PushDown::kRange, 1e-6},
    {"flags", "INTEGER"},
    {"flag_names", "TEXT"},
    {"map_count", "INTEGER"},
    {"cgroup_inode", "INTEGER"},
    {"node", "INTEGER"},
    {"zone", "TEXT"},
};

class FrameCursor final : public TableCursor {
 public:
  explicit FrameCursor(SnapshotReader& reader) : reader_(reader) {}

  void Filter(const std::vector<TableConstraint>& constraints) override {
    snapshot_id_.reset();
    first_pfn_ = 0;
    last_pfn_ = std::numeric_limits<int64_t>::max();
    for (const TableConstraint& constraint : constraints) Narrow(constraint);
    snapshot_index_ = 0;
    SkipSnapshots();
    EnterSnapshot();
  }

  void Next() override {
    ++pfn_;
    SkipToReferenced();
  }

  [[nodiscard]] bool AtEnd() const override {
    return snapshot_index_ >= reader_.snapshots().size();
  }

  void Column(sqlite3_context* context, int column) override {
    const SnapshotInfo& snapshot = reader_.snapshots()[snapshot_index_];
    switch (column) {
      case kSnapshotId:
        return Result(context, snapshot.id);
      case kPfn:
        return Result(context, static_cast<int64_t>(pfn_));
      case kFlags:
        if (facts_->flags == kNotRead) return;
        return Result(context, static_cast<int64_t>(facts_->flags));
      case kFlagNames:
        if (facts_->flags == kNotRead) return;
        return Result(context, FrameFlagNames(facts_->flags, snapshot.release));
      case kMapCount:
        if (facts_->map_count == kNotRead) return;
        return Result(context, static_cast<int64_t>(facts_->map_count));
      case kCgroupInode:
        if (facts_->cgroup == kNotRead) return;
        return Result(context, static_cast<int64_t>(facts_->cgroup));
      default:
        if (const Zone* zone = snapshot.ZoneOf(pfn_); zone != nullptr) {
          return column == kNode ? Result(context, zone->node) : Result(context, zone->name);
        }
    }
  }

 private:
  void Narrow(const TableConstraint& constraint) {
    int64_t value = constraint.value.value_or(-1);
    if (constraint.column == kSnapshotId) {
      snapshot_id_ = value;
    } else if (constraint.op == SQLITE_INDEX_CONSTRAINT_EQ) {
      first_pfn_ = std::max(first_pfn_, value);
      last_pfn_ = std::min(last_pfn_, value);
    } else if (constraint.op == SQLITE_INDEX_CONSTRAINT_GT ||
               constraint.op == SQLITE_INDEX_CONSTRAINT_GE) {
      first_pfn_ = std::max(first_pfn_, value);
    } else {
      last_pfn_ = std::min(last_pfn_, value);
    }
  }

  void SkipSnapshots() {
    const auto& snapshots = reader_.snapshots();
    while (snapshot_index_ < snapshots.size() && snapshot_id_ &&
           snapshots[snapshot_index_].id != *snapshot_id_) {
      ++snapshot_index_;
    }
  }

  void EnterSnapshot() {
    if (AtEnd()) return;
    frames_ = &reader_.Frames(reader_.snapshots()[snapshot_index_].id);
    pfn_ = static_cast<uint64_t>(first_pfn_);
    SkipToReferenced();
  }

  // Goes to the next referenced frame at or behind pfn_, in this snapshot or a later one.
  void SkipToReferenced() {
    const std::vector<uint64_t>& starts = frames_->first_pfns();
    auto last = static_cast<uint64_t>(std::max<int64_t>(last_pfn_, 0));
    bool any = first_pfn_ <= last_pfn_;
    auto start = std::upper_bound(starts.begin(), starts.end(), pfn_);
    if (start != starts.begin()) --start;
    for (; any && start != starts.end() && *start <= last; ++start) {
      const FrameChunk* chunk = frames_->Chunk(*start);
      for (pfn_ = std::max(pfn_, *start); pfn_ - *start < kFramesPerChunk && pfn_ <= last; ++pfn_) {
        facts_ = chunk->Find(static_cast<uint32_t>(pfn_ - *start));
        if (facts_ != nullptr) return;
      }
    }
    ++snapshot_index_;
    SkipSnapshots();
    EnterSnapshot();
  }

  SnapshotReader& reader_;
  std::optional<int64_t> snapshot_id_;
  int64_t first_pfn_ = 0;
  int64_t last_pfn_ = 0;
  size_t snapshot_index_ = 0;
  FrameTable* frames_ = nullptr;
  uint64_t pfn_ = 0;
  const FrameFacts* facts_ = nullptr;
};

class FrameVirtualTable final : public VirtualTable {
 public:
  explicit FrameVirtualTable(SnapshotReader& reader) : reader_(reader) {}
  [[nodiscard]] const char* name() const override { return "frame"; }
  [[nodiscard]] const std::vector<TableColumn>& columns() const override { return kColumns; }
  [[nodiscard]] double row_count() const override { return 1e7; }
  [[nodiscard]] std::vector<int> order() const override { return {kSnapshotId, kPfn}; }
  [[nodiscard]] std::unique_ptr<TableCursor> Open() override {
    return std::make_unique<FrameCursor>(reader_);
  }

 private:
  SnapshotReader& reader_;
};

}  // namespace

std::unique_ptr<VirtualTable> MakeFrameTable(SnapshotReader& reader) {
  return std::make_unique<FrameVirtualTable>(reader);
}

}  // namespace pagesnap
