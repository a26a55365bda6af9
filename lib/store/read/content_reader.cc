#include "lib/store/read/content_reader.h"

#include <fmt/format.h>

#include "lib/base/work_limit.h"
#include "lib/codec/page_words.h"
#include "lib/store/sqlite/damage.h"
#include "lib/store/sqlite/reset_at_end.h"

namespace pagesnap {

ContentReader::ContentReader(const Source& source)
    : source_(source),
      content_(*source.database, kSelectContent),
      page_count_(*source.database, "SELECT page_count FROM page_content WHERE id = ?") {}

void ContentReader::Fetch(int64_t content_id, StoredBlob* content) {
  CheckWork();
  FetchContent(content_, *source_.database, *source_.Local(IdSpace::kContent, content_id), content);
}

uint32_t ContentReader::PageCount(int64_t content_id) {
  ResetAtEnd reset(page_count_);
  page_count_.Bind(1, *source_.Local(IdSpace::kContent, content_id));
  const int64_t count = page_count_.Step() ? page_count_.Int(0) : 0;
  if (count < 1 || count > kPagesPerChunk) {
    ThrowDamaged(*source_.database,
                 fmt::format("page_content {} is not there, or has {} pages", content_id, count));
  }
  return static_cast<uint32_t>(count);
}

}  // namespace pagesnap
