// Which stored contents may serve as the base of another one.
#ifndef LIB_STORE_WRITE_CONTENT_BASES_H_
#define LIB_STORE_WRITE_CONTENT_BASES_H_

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace pagesnap {

// Where the pages of a chunk are from, so that what was there before, or is there in another
// process, can serve as the base to code them against. Keys are hashes; 0 is for nothing to expect.
struct ChunkPlace {
  uint64_t process_key = 0;  // of the process, across snapshots, and the chunk in its addresses
  uint64_t address_key = 0;  // of the chunk in the addresses of any process, and its file
  uint64_t file_key = 0;     // of the file, and the chunk in it
  uint32_t into_chunk = 0;  // page of the chunk, counted from its boundary, that the words begin at
};

// A content that was stored.
struct StoredContent {
  int64_t id = 0;
  uint32_t into_chunk = 0;
  uint32_t page_count = 0;
  int steps = 0;  // contents that have to be decoded before it
};

// Remembers what was stored where. For one thread at a time.
class ContentBases {
 public:
  // A smaller content is smaller than what a base would save.
  static constexpr size_t kMinPages = 8;
  // At most so many are worth a comparison.
  static constexpr size_t kMaxCandidates = 4;

  // Begins a snapshot: processes of another one that had an address are no relatives.
  void BeginSnapshot() { at_address_.clear(); }

  // Returns those that a content of `page_count` pages may be coded against, at most
  // kMaxCandidates. Each has fewer than kMaxBaseSteps steps.
  [[nodiscard]] std::vector<StoredContent> Find(const ChunkPlace& place, size_t page_count) const;

  // Notes that this one, if it is of those remembered for the address, served as a base there.
  void NoteUse(uint64_t address_key, int64_t id);
  // Notes the content as what is at the place now.
  void Remember(const ChunkPlace& place, const StoredContent& content);

 private:
  void RememberAddress(uint64_t key, const StoredContent& content);

  std::unordered_map<uint64_t, StoredContent> last_at_;  // by process_key and file_key
  std::unordered_map<uint64_t, std::vector<StoredContent>> at_address_;  // used last: last
};

}  // namespace pagesnap

#endif  // LIB_STORE_WRITE_CONTENT_BASES_H_
