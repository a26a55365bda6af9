#include "lib/query/change/change_segments.h"

#include <algorithm>
#include <utility>

#include "lib/base/error.h"

namespace pagesnap {

// The ranges of a mapping mostly follow each other, so that it is read once.
void SegmentWalk::Load(int64_t process_id, int64_t mapping_id, Side* side) {
  if (side->mapping.id == mapping_id) return;
  *side = {};
  if (mapping_id == 0) return;
  const std::vector<MappingInfo> found = reader_.Mappings(process_id, {.mapping_id = mapping_id});
  if (found.size() != 1) throw Error("a matched mapping is not one of its process");
  side->mapping = found.front();
  for (const ChunkInfo& chunk : reader_.Chunks(side->mapping)) {
    // In a damaged file contents may reach beyond the next one, or the mapping.
    if (!side->contents.empty() && side->contents.back().end > chunk.first_page) {
      side->contents.back().end = chunk.first_page;
      side->contents.back().whole = false;
    }
    const uint64_t end = chunk.first_page + reader_.ContentPages(chunk.content_id);
    Piece piece;
    piece.begin = chunk.first_page;
    piece.end = std::min(end, side->mapping.page_count);
    piece.content_id = chunk.content_id;
    piece.counts = {static_cast<uint64_t>(chunk.present_count),
                    static_cast<uint64_t>(chunk.swapped_count),
                    static_cast<uint64_t>(chunk.special_count)};
    piece.whole = piece.end == end;
    side->contents.push_back(piece);
  }
  for (const PageInterval& gap : gaps_.PagesOf(side->mapping)) {
    Piece piece;
    piece.begin = gap.begin;
    piece.end = gap.end;
    side->gaps.push_back(piece);
  }
}

// Goes to the page of the mapping where the range begins.
void SegmentWalk::Enter(const MatchedRange& range, uint64_t page, Side* side) {
  const MappingInfo& mapping = side->mapping;
  side->next_content = 0;
  side->next_gap = 0;
  if (mapping.id == 0) return;
  if (page < mapping.first_page || range.page_count > mapping.page_count ||
      page - mapping.first_page > mapping.page_count - range.page_count) {
    throw Error("a matched range is not inside its mapping");
  }
  side->first = page - mapping.first_page;
  auto first_behind = [&](const std::vector<Piece>& pieces) {
    return static_cast<size_t>(
        std::partition_point(pieces.begin(), pieces.end(),
                             [&](const Piece& piece) { return piece.end <= side->first; }) -
        pieces.begin());
  };
  side->next_content = first_behind(side->contents);
  side->next_gap = first_behind(side->gaps);
}

void SegmentWalk::Start(const MatchedRange& range, const ProcessMatch& process) {
  Load(process.before_id, range.before_mapping_id, &before_);
  Load(process.after_id, range.after_mapping_id, &after_);
  Enter(range, range.before_page, &before_);
  Enter(range, range.after_page, &after_);
  offset_ = 0;
  page_count_ = range.page_count;
}

// Returns the piece that `page` is in, or null, and lowers `left` to the pages for which that stays
// so. Pages only ascend.
const SegmentWalk::Piece* SegmentWalk::Advance(const std::vector<Piece>& pieces, uint64_t page,
                                               size_t* next, uint64_t* left) {
  while (*next < pieces.size() && pieces[*next].end <= page) ++*next;
  if (*next == pieces.size()) return nullptr;
  const Piece& piece = pieces[*next];
  const bool inside = piece.begin <= page;
  *left = std::min(*left, (inside ? piece.end : piece.begin) - page);
  return inside ? &piece : nullptr;
}

bool SegmentWalk::Next(ChangeSegment* segment) {
  if (offset_ == page_count_) return false;
  *segment = {};
  segment->offset = offset_;
  uint64_t left = page_count_ - offset_;
  auto enter = [&](Side* side, ContentPart* part) {
    const uint64_t page = side->first + offset_;
    if (Advance(side->gaps, page, &side->next_gap, &left) != nullptr) segment->unread = true;
    const Piece* piece = Advance(side->contents, page, &side->next_content, &left);
    if (piece != nullptr) {
      *part = {piece->content_id, static_cast<uint32_t>(page - piece->begin)};
    }
    return piece;
  };
  const Piece* before = enter(&before_, &segment->before);
  const Piece* after = enter(&after_, &segment->after);
  segment->page_count = left;
  for (const auto& [piece, whole] :
       {std::pair(before, &segment->whole_before), std::pair(after, &segment->whole_after)}) {
    if (piece != nullptr && piece->whole && left == piece->end - piece->begin) {
      *whole = piece->counts;
    }
  }
  offset_ += left;
  return true;
}

}  // namespace pagesnap
