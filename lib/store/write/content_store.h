// Page contents: each is stored once, and coded against another where that is smaller.
#ifndef LIB_STORE_WRITE_CONTENT_STORE_H_
#define LIB_STORE_WRITE_CONTENT_STORE_H_

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "lib/base/recent.h"
#include "lib/codec/similar_words.h"
#include "lib/store/write/content_bases.h"
#include "lib/store/write/identity_map.h"
#include "lib/store/write/row_writer.h"

namespace pagesnap {

// Used by several threads at once: they hash and encode in parallel.
class ContentStore {
 public:
  // `rows` is borrowed.
  explicit ContentStore(RowWriter& rows) : rows_(rows) {}

  // Begins a snapshot.
  void BeginSnapshot();

  // Returns the id of the content with these words, of which there are 1 to kPagesPerChunk; adds it
  // if there is none. Throws Error.
  int64_t Store(std::span<const uint64_t> words, const ChunkPlace& place);

 private:
  // Decoded bases that are kept, up to 32 KiB each: processes of one family come one after the
  // other.
  static constexpr size_t kKeptBases = 256;

  using Words = std::vector<uint64_t>;
  struct BaseContent {
    int64_t id;
    Words words;
  };
  // A base, and how many words differ from its.
  struct Choice {
    StoredContent base;
    std::shared_ptr<const Words> words;
    Misses misses = {};
  };
  // The blob of a content, and how many have to be decoded before it.
  struct Coded {
    std::string blob;
    int64_t base_id = 0;  // 0: none
    int steps = 0;
  };

  class Encoding;

  Coded Encode(std::span<const uint64_t> words, const ChunkPlace& place,
               const std::vector<StoredContent>& candidates);
  Choice Choose(std::span<const uint64_t> words, const ChunkPlace& place,
                const std::vector<StoredContent>& candidates);
  std::shared_ptr<const Words> BaseWords(int64_t id);

  RowWriter& rows_;
  std::mutex mutex_;  // guards what follows; never taken while the database is locked
  IdentityMap<BlobKey> contents_;
  ContentBases bases_;
  // Places of contents that some thread encodes: others that may be like it wait for it.
  std::unordered_set<uint64_t> encoding_;
  std::condition_variable encoded_;

  std::mutex words_mutex_;  // guards what follows; never taken with the database or mutex_
  Recent<BaseContent> base_words_{kKeptBases};
};

}  // namespace pagesnap

#endif  // LIB_STORE_WRITE_CONTENT_STORE_H_
