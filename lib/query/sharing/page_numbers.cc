#include "lib/query/sharing/page_numbers.h"

#include "lib/base/error.h"

namespace pagesnap {

PageNumbers::PageNumbers(SnapshotReader& reader, const SnapshotLayout& layout) {
  uint64_t page = 0;
  for (int64_t id : layout.contents()) {
    first_page_.push_back(static_cast<uint32_t>(page));
    page += reader.ContentPages(id);
    if (page >= kNone) {
      throw Error("more than 4,294,967,294 distinct pages in one snapshot are not supported");
    }
  }
  first_page_.push_back(static_cast<uint32_t>(page));
  uint32_t content = 0;
  for (uint64_t next = 0; next < page; next += kPagesPerHint) {
    while (first_page_[content + 1] <= next) ++content;
    content_by_page_.push_back(content);
  }
}

}  // namespace pagesnap
