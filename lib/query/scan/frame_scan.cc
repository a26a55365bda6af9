#include "lib/query/scan/frame_scan.h"

#include <algorithm>
#include <limits>

namespace pagesnap {

void FrameScan::Start(const std::vector<TableConstraint>& constraints) {
  snapshot_id_.reset();
  first_pfn_ = 0;
  last_pfn_ = std::numeric_limits<int64_t>::max();
  for (const TableConstraint& constraint : constraints) Narrow(constraint);
  snapshot_index_ = 0;
  SkipSnapshots();
  EnterSnapshot();
}

void FrameScan::Narrow(const TableConstraint& constraint) {
  const int64_t value = constraint.value.value_or(-1);
  if (constraint.column == 0) {
    snapshot_id_ = value;
    return;
  }
  if (constraint.column != 1) return;
  const bool from_below =
      constraint.op == SQLITE_INDEX_CONSTRAINT_GT || constraint.op == SQLITE_INDEX_CONSTRAINT_GE;
  const bool is_equal = constraint.op == SQLITE_INDEX_CONSTRAINT_EQ;
  if (is_equal || from_below) first_pfn_ = std::max(first_pfn_, value);
  if (is_equal || !from_below) last_pfn_ = std::min(last_pfn_, value);
}

void FrameScan::SkipSnapshots() {
  const auto& snapshots = reader_.snapshots();
  while (snapshot_index_ < snapshots.size() && snapshot_id_ &&
         snapshots[snapshot_index_].id != *snapshot_id_) {
    ++snapshot_index_;
  }
}

void FrameScan::EnterSnapshot() {
  if (AtEnd()) return;
  frames_ = reader_.Frames(snapshot().id);
  ordinals_ = frames_->LoadOrdinals();
  chunk_ = nullptr;
  pfn_ = static_cast<uint64_t>(first_pfn_);
  SkipToReferenced();
}

// Goes to the next referenced frame at or behind pfn_, in this snapshot or a later one.
void FrameScan::SkipToReferenced() {
  const auto last = static_cast<uint64_t>(std::max<int64_t>(last_pfn_, 0));
  const std::vector<uint64_t>& starts = frames_->first_pfns();
  while (first_pfn_ <= last_pfn_ && pfn_ <= last) {
    if (chunk_ == nullptr || pfn_ - chunk_start_ >= kFramesPerChunk) {
      auto start = std::upper_bound(starts.begin(), starts.end(), pfn_);
      if (start != starts.begin() && pfn_ - *(start - 1) < kFramesPerChunk) --start;
      if (start == starts.end() || *start > last) break;
      chunk_ = frames_->Chunk(*start);
      ranks_ = &ordinals_->Ranks(*start);
      chunk_start_ = *start;
      first_ordinal_ = ordinals_->FirstOf(*start);
      pfn_ = std::max(pfn_, *start);
    }
    const uint32_t index = ranks_->NextFrom(static_cast<uint32_t>(pfn_ - chunk_start_));
    pfn_ = chunk_start_ + index;
    if (index == kFramesPerChunk || pfn_ > last) continue;
    facts_ = &chunk_->at(index);
    ranks_->Find(index, &rank_);
    return;
  }
  ++snapshot_index_;
  SkipSnapshots();
  EnterSnapshot();
}

}  // namespace pagesnap
