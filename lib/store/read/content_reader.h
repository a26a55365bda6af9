// The page words of contents, as they are stored.
#ifndef LIB_STORE_READ_CONTENT_READER_H_
#define LIB_STORE_READ_CONTENT_READER_H_

#include <cstdint>

#include "lib/store/read/source.h"
#include "lib/store/sqlite/statement.h"
#include "lib/store/sqlite/stored_blob.h"

namespace pagesnap {

// Reads those of one source; ids are global, and of the source. For one thread.
class ContentReader {
 public:
  // `source` is borrowed. Throws Error.
  explicit ContentReader(const Source& source);

  // These are as in SnapshotReader.
  void Fetch(int64_t content_id, StoredBlob* content);
  uint32_t PageCount(int64_t content_id);

 private:
  const Source& source_;
  Statement content_, page_count_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_READ_CONTENT_READER_H_
