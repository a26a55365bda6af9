#include "lib/store/frames/ram_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/work_limit.h"
#include "lib/kernel/page_word.h"
#include "lib/store/sqlite/damage.h"
#include "lib/store/sqlite/fact_tables.h"
#include "lib/store/sqlite/stored_blob.h"

namespace pagesnap {

RamTable::RamTable(const Database& database, int64_t snapshot_id)
    : database_(database), select_(std::make_unique<Statement>(database, kSelectFrameContent)) {
  Statement statement(database,
                      "SELECT first_pfn, frame_count, frame_content_id FROM ram_chunk "
                      "WHERE snapshot_id = ? ORDER BY 1");
  statement.Bind(1, snapshot_id);
  uint64_t left = 0;  // frames of the ranges that are in no chunk yet
  while (statement.Step()) {
    CheckWork();
    if (chunks_.empty()) left = ReadRanges(snapshot_id);
    const auto first_pfn = static_cast<uint64_t>(statement.Int(0));
    const bool is_chunk = first_pfn % kFramesPerChunk == 0 && first_pfn <= PageWord::kFieldMask;
    // The primary key makes them ascend.
    if (!is_chunk || static_cast<uint64_t>(statement.Int(1)) != FramesIn(first_pfn)) {
      ThrowDamaged(database_, fmt::format("ram_chunk from PFN {} has {} frames, and ram_range {}",
                                          statement.Int(0), statement.Int(1),
                                          is_chunk ? FramesIn(first_pfn) : 0));
    }
    chunks_.push_back({first_pfn, statement.Int(2)});
    left -= FramesIn(first_pfn);
  }
  if (left != 0) {
    ThrowDamaged(database_, fmt::format("{} frames of ram_range are in no ram_chunk", left));
  }
}

// Returns how many frames the ranges have.
uint64_t RamTable::ReadRanges(int64_t snapshot_id) {
  Statement statement =
      SelectFacts(database_, kRamRangeFacts, "first_pfn, frame_count", "ORDER BY first_pfn");
  statement.Bind(1, snapshot_id);
  uint64_t frame_count = 0;
  while (statement.Step()) {
    CheckWork();
    const int64_t first = statement.Int(0);
    const int64_t count = statement.Int(1);
    constexpr auto kEnd = static_cast<int64_t>(PageWord::kFieldMask + 1);
    if (first < 0 || first >= kEnd || count < 1 || count > kEnd - first ||
        (!ranges_.empty() && static_cast<uint64_t>(first) < ranges_.back().end_pfn)) {
      ThrowDamaged(database_, fmt::format("ram_range has an impossible range at PFN {}", first));
    }
    ranges_.push_back({static_cast<uint64_t>(first), static_cast<uint64_t>(first + count)});
    frame_count += static_cast<uint64_t>(count);
  }
  return frame_count;
}

// Returns how many frames of the ranges are in the chunk.
uint64_t RamTable::FramesIn(uint64_t chunk_start) const {
  const uint64_t chunk_end = chunk_start + kFramesPerChunk;
  auto range = std::ranges::partition_point(
      ranges_, [&](const Range& one) { return one.end_pfn <= chunk_start; });
  uint64_t count = 0;
  for (; range != ranges_.end() && range->first_pfn < chunk_end; ++range) {
    count += std::min(range->end_pfn, chunk_end) - std::max(range->first_pfn, chunk_start);
  }
  return count;
}

const FrameRuns& RamTable::Load(uint64_t chunk_start) {
  if (chunk_start == loaded_) return runs_;
  const auto chunk = std::ranges::lower_bound(chunks_, chunk_start, {}, &Chunk::first_pfn);
  loaded_ = ~uint64_t{0};
  StoredBlob stored;
  FetchFrameContent(*select_, database_, chunk->content_id, &stored);
  runs_ = DecodeFrameContent(stored);
  loaded_ = chunk_start;
  return runs_;
}

}  // namespace pagesnap
