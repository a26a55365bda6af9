// Numbers for the pages of the distinct contents of a snapshot.
#ifndef LIB_QUERY_SHARING_PAGE_NUMBERS_H_
#define LIB_QUERY_SHARING_PAGE_NUMBERS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/query/scan/snapshot_layout.h"

namespace pagesnap {

// A page's number is the first number of its content plus its place in there. 4 bytes a content.
class PageNumbers {
 public:
  // Throws Error when there are too many pages, or a content is missing.
  PageNumbers(SnapshotReader& reader, const SnapshotLayout& layout);

  // No page has this number.
  static constexpr uint32_t kNone = ~uint32_t{0};

  // Returns the number of page `index` of a content: an index into SnapshotLayout::contents().
  [[nodiscard]] uint32_t Of(size_t content, size_t index) const {
    return first_page_[content] + static_cast<uint32_t>(index);
  }
  // Returns the content of a number.
  [[nodiscard]] size_t ContentOf(uint32_t page) const {
    size_t content = content_by_page_[page / kPagesPerHint];
    while (first_page_[content + 1] <= page) ++content;
    return content;
  }
  // Returns the place in that content.
  [[nodiscard]] uint32_t IndexOf(uint32_t page, size_t content) const {
    return page - first_page_[content];
  }

 private:
  static constexpr uint32_t kPagesPerHint = 1024;

  std::vector<uint32_t> first_page_;       // of each content; one more at the end
  std::vector<uint32_t> content_by_page_;  // of every kPagesPerHint-th page
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SHARING_PAGE_NUMBERS_H_
