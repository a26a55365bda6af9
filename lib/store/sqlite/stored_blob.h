// Page contents and frame contents as they are in the file, with the ones they are coded against:
// one thread fetches them, any other decodes them.
#ifndef LIB_STORE_SQLITE_STORED_BLOB_H_
#define LIB_STORE_SQLITE_STORED_BLOB_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lib/codec/frame_columns.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// A blob and, behind it, its base, the base's base, and so on to one that stands alone. Ids fall
// along the way and it has at most kMaxBaseSteps steps, so no file can lead us in circles.
struct StoredBlob {
  struct Part {
    int64_t id = 0;
    int64_t count = 0;  // pages
    int64_t checksum = 0;
    std::string bytes;
  };
  const Database* database = nullptr;  // for messages
  std::vector<Part> parts;
};

// Select the parts: their results are count, base, bytes and checksum.
inline constexpr char kSelectContent[] =
    "SELECT page_count, base_id, words, checksum FROM page_content WHERE id = ?";
inline constexpr char kSelectFrameContent[] =
    "SELECT 0, base_id, facts, checksum FROM frame_content WHERE id = ?";

// Reads a content with its bases; `select` is prepared from kSelectContent. Throws Error when one
// is not there.
void FetchContent(Statement& select, const Database& database, int64_t id, StoredBlob* stored);

// Fills `words` with the page words of a content. Throws Error that names the part that is damaged.
// Thread-safe.
void DecodeContent(const StoredBlob& stored, std::vector<uint64_t>* words);

// The same for a frame content; `select` is prepared from kSelectFrameContent.
void FetchFrameContent(Statement& select, const Database& database, int64_t id, StoredBlob* stored);
FrameRuns DecodeFrameContent(const StoredBlob& stored);

}  // namespace pagesnap

#endif  // LIB_STORE_SQLITE_STORED_BLOB_H_
