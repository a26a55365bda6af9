#include "lib/query/ram/ram_scan.h"

#include <algorithm>

#include "lib/base/work_limit.h"

namespace pagesnap {

RamScan::RamScan(SnapshotReader& reader, int64_t snapshot_id, uint64_t last_pfn)
    : snapshot_(reader.snapshot(snapshot_id)),
      table_(reader.Ram(snapshot_id)),
      last_pfn_(last_pfn) {}

bool RamScan::Next() {
  CheckWork();
  const std::vector<RamTable::Range>& ranges = table_.ranges();
  while (range_ < ranges.size() && next_pfn_ >= ranges[range_].end_pfn) ++range_;
  if (range_ == ranges.size()) return false;
  const RamTable::Range& range = ranges[range_];
  next_pfn_ = std::max(next_pfn_, range.first_pfn);
  if (next_pfn_ > last_pfn_) return false;
  run_.first_pfn = next_pfn_;
  run_.zone = snapshot_.ZoneOf(next_pfn_);
  uint64_t end = std::min(range.end_pfn, snapshot_.zones->EndFrom(next_pfn_));
  TakeFacts(&end);
  run_.frame_count = end - next_pfn_;
  next_pfn_ = end;
  run_.kind = run_.facts.flags == kNotRead
                  ? RamKind::kUnread
                  : kinds_.Of(run_.first_pfn, run_.frame_count, run_.facts.flags);
  return true;
}

// Sets the facts of the run, and `end` to where others begin.
void RamScan::TakeFacts(uint64_t* end) {
  const uint64_t start = next_pfn_ - next_pfn_ % kFramesPerChunk;
  *end = std::min(*end, start + kFramesPerChunk);
  const FrameRuns& runs = table_.Load(start);
  if (start != chunk_start_) {
    chunk_start_ = start;
    chunk_run_ = 0;
  }
  while (start + runs.runs[chunk_run_].last < next_pfn_) ++chunk_run_;
  const FrameRuns::Run& run = runs.runs[chunk_run_];
  run_.facts = runs.kinds[run.kind];
  *end = std::min(*end, start + run.last + 1);
}

}  // namespace pagesnap
