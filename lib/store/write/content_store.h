// Page contents: each is stored once, and coded against another where that is smaller.
#ifndef LIB_STORE_WRITE_CONTENT_STORE_H_
#define LIB_STORE_WRITE_CONTENT_STORE_H_

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "lib/store/write/identity_map.h"
#include "lib/store/write/row_writer.h"

namespace pagesnap {

// Where the pages of a chunk are from, so that what was there before, or is there in another
// process, can serve as the base to code them against. Keys are hashes; 0 is for nothing to expect.
struct ChunkPlace {
  uint64_t process_key = 0;  // of the process, across snapshots, and the chunk in its addresses
  uint64_t file_key = 0;     // of the file, and the chunk in it
  uint32_t into_chunk = 0;  // page of the chunk, counted from its boundary, that the words begin at
};

// Used by several threads at once: they hash and encode in parallel.
class ContentStore {
 public:
  // `rows` is borrowed.
  explicit ContentStore(RowWriter& rows) : rows_(rows) {}

  // Returns the id of the content with these words, of which there are 1 to kPagesPerChunk; adds it
  // if there is none. Throws Error.
  int64_t Store(std::span<const uint64_t> words, const ChunkPlace& place);

 private:
  // A content that was stored, as a candidate for a base.
  struct StoredContent {
    int64_t id = 0;
    uint32_t into_chunk = 0;
    int steps = 0;  // contents that have to be decoded before it
  };
  std::string EncodeAgainst(const StoredContent& base, std::span<const uint64_t> words,
                            const ChunkPlace& place);
  [[nodiscard]] std::optional<StoredContent> FindBase(const ChunkPlace& place) const;
  int64_t Remember(const ChunkPlace& place, const BlobKey& key);

  RowWriter& rows_;
  std::mutex mutex_;  // guards what follows; never taken while the database is locked
  IdentityMap<BlobKey> contents_;
  std::unordered_map<uint64_t, StoredContent> last_at_;  // by process_key and file_key
};

}  // namespace pagesnap

#endif  // LIB_STORE_WRITE_CONTENT_STORE_H_
