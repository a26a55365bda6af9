#include "lib/query/scan/chunk_scan.h"

#include <algorithm>

#include "lib/codec/page_words.h"

namespace pagesnap {

void ChunkScan::Start(const std::vector<TableConstraint>& constraints, int page_column) {
  scan_.Start(constraints, page_column);
  chunks_.clear();
  next_chunk_ = 0;
}

bool ChunkScan::NextMapping() {
  if (!scan_.Next()) return false;
  snapshot_ = &reader_.snapshot(mapping().snapshot_id);
  chunks_ = reader_.Chunks(mapping());
  next_chunk_ = 0;
  std::erase_if(chunks_, [&](const ChunkInfo& chunk) {
    return cut().Of(mapping().first_page + chunk.first_page, kPagesPerChunk).empty();
  });
  return true;
}

// The last chunk that starts at or before `page` may hold it; those before it cannot.
void ChunkScan::SkipBefore(uint64_t page) {
  const uint64_t start = mapping().first_page;
  auto after = std::partition_point(chunks_.begin(), chunks_.end(), [&](const ChunkInfo& chunk) {
    return start + chunk.first_page <= page;
  });
  if (after != chunks_.begin()) next_chunk_ = after - chunks_.begin() - 1;
}

bool ChunkScan::NextChunk() {
  if (next_chunk_ == chunks_.size()) return false;
  ++next_chunk_;
  return true;
}

std::span<const uint64_t> ChunkScan::Words() {
  held_words_ = reader_.SharedWords(chunk().content_id);
  const PageCut::Words inside =
      cut().Of(mapping().first_page + chunk().first_page, held_words_->size());
  if (inside.empty()) return {};
  return std::span(*held_words_).subspan(inside.begin, inside.end - inside.begin);
}

}  // namespace pagesnap
