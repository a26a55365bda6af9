// Who maps a frame: the pages of a snapshot, by frame.
#ifndef LIB_QUERY_SHARING_FRAME_USER_INDEX_H_
#define LIB_QUERY_SHARING_FRAME_USER_INDEX_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lib/base/large_vector.h"
#include "lib/query/scan/analysis_cache.h"
#include "lib/query/scan/snapshot_layout.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// A page that maps a frame.
struct FrameUser {
  uint32_t mapping;  // index into SnapshotLayout::mappings()
  uint64_t page;     // virtual page number

  friend auto operator<=>(const FrameUser&, const FrameUser&) = default;
};

// Holds each page of each distinct content once, however many mappings share it: 4 bytes a frame,
// and 8 for each further page that maps it. Immutable.
class FrameUserIndex {
 public:
  // Decodes all contents of the snapshot, on all cores. Throws Error when one is damaged, or refers
  // to a frame that the snapshot does not have.
  FrameUserIndex(AnalysisCache& cache, int64_t snapshot_id);

  // What its numbers of mappings and contents refer to.
  [[nodiscard]] const SnapshotLayout& layout() const { return *layout_; }
  [[nodiscard]] FrameTable& frames() const { return *frames_; }
  [[nodiscard]] FrameOrdinals ordinals() const { return ordinals_; }

  // Sets `users` to the pages that map the frame with this ordinal, by process, mapping and
  // address.
  void Find(uint32_t ordinal, std::vector<FrameUser>* users) const;

  // Calls visit(content, page) for each page of a distinct content that maps the frame: an index
  // into SnapshotLayout::contents(), and one into its words. In no particular order.
  template <typename Visit>
  void ForEachPage(uint32_t ordinal, const Visit& visit) const {
    if (first_[ordinal] == kNone) return;
    VisitPage(first_[ordinal], visit);
    if (further_.empty()) return;
    const uint64_t key = uint64_t{ordinal} << 32;
    for (auto next = std::lower_bound(further_.begin(), further_.end(), key);
         next != further_.end() && *next >> 32 == ordinal; ++next) {
      VisitPage(static_cast<uint32_t>(*next), visit);
    }
  }

 private:
  // Pages of distinct contents are numbered: the content's first number plus the index.
  static constexpr uint32_t kNone = ~uint32_t{0};
  static constexpr uint32_t kPagesPerHint = 1024;

  template <typename Visit>
  void VisitPage(uint32_t page, const Visit& visit) const {
    size_t content = content_by_page_[page / kPagesPerHint];
    while (first_page_[content + 1] <= page) ++content;
    visit(content, page - first_page_[content]);
  }
  void NumberPages(SnapshotReader& reader);
  void AddWords(size_t content, std::span<const uint64_t> words, std::vector<uint64_t>* further);

  std::shared_ptr<const SnapshotLayout> layout_;
  std::shared_ptr<FrameTable> frames_;
  FrameOrdinals ordinals_;                 // of frames_
  std::vector<uint32_t> first_page_;       // of each content; one more at the end
  std::vector<uint32_t> content_by_page_;  // of every kPagesPerHint-th page
  LargeVector<uint32_t> first_;            // of each frame: one page that maps it, or kNone
  std::vector<uint64_t> further_;          // the others: ordinal << 32 | page, ascending
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SHARING_FRAME_USER_INDEX_H_
