// Cuts matched ranges of pages where the contents of either side begin and end.
#ifndef LIB_QUERY_CHANGE_CHANGE_SEGMENTS_H_
#define LIB_QUERY_CHANGE_CHANGE_SEGMENTS_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "lib/query/match/matching.h"
#include "lib/query/scan/page_gaps.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// The words of some pages: those of a content from its page `first` on.
struct ContentPart {
  int64_t content_id = 0;  // 0: all pages are absent
  uint32_t first = 0;

  friend auto operator<=>(const ContentPart&, const ContentPart&) = default;
};

// Adjacent pages of a range that are in one content, or in none, on each side.
struct ChangeSegment {
  uint64_t offset = 0;  // pages from the start of the range
  uint64_t page_count = 0;
  ContentPart before;
  ContentPart after;
  // The words of either side could not be read by the capture; there may be none at all.
  bool unread = false;
  // Of either side, where the segment is its whole content.
  std::optional<PageCounts> whole_before;
  std::optional<PageCounts> whole_after;

  [[nodiscard]] bool is_absent() const {
    return !unread && before.content_id == 0 && after.content_id == 0;
  }
};

// Goes over the segments of a range, by page.
class SegmentWalk {
 public:
  // Both are borrowed.
  SegmentWalk(SnapshotReader& reader, const PageGaps& gaps) : reader_(reader), gaps_(gaps) {}

  // Starts at the first segment of `range`. Reads the tables, not the contents. Throws Error when
  // they contradict each other, or the range is not inside its mappings.
  void Start(const MatchedRange& range, const ProcessMatch& process);
  // Sets `segment` to the next one; false behind the last.
  bool Next(ChangeSegment* segment);

  // The mappings of the range; of a side without counterpart the id is 0.
  [[nodiscard]] const MappingInfo& before_mapping() const { return before_.mapping; }
  [[nodiscard]] const MappingInfo& after_mapping() const { return after_.mapping; }

 private:
  struct Piece : PageInterval {  // pages counted from the start of the mapping
    int64_t content_id = 0;      // 0: they were not read
    PageCounts counts;
    bool whole = false;  // the content has no other pages
  };
  struct Side {
    MappingInfo mapping{};
    std::vector<Piece> contents;
    std::vector<Piece> gaps;
    uint64_t first = 0;  // page of the mapping that the range begins at
    size_t next_content = 0;
    size_t next_gap = 0;
  };
  void Load(int64_t process_id, int64_t mapping_id, Side* side);
  static void Enter(const MatchedRange& range, uint64_t page, Side* side);
  static const Piece* Advance(const std::vector<Piece>& pieces, uint64_t page, size_t* next,
                              uint64_t* left);

  SnapshotReader& reader_;
  const PageGaps& gaps_;
  Side before_;
  Side after_;
  uint64_t offset_ = 0;
  uint64_t page_count_ = 0;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_CHANGE_CHANGE_SEGMENTS_H_
