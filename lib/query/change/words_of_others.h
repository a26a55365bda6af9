// What some processes have at an address.
#ifndef LIB_QUERY_CHANGE_WORDS_OF_OTHERS_H_
#define LIB_QUERY_CHANGE_WORDS_OF_OTHERS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "lib/kernel/page_word.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// What some processes have in a range of pages; for pages in ascending order, and one thread.
class WordsOfOthers {
 public:
  // `reader` is borrowed.
  explicit WordsOfOthers(SnapshotReader& reader) : reader_(&reader) {}

  // Starts a range of virtual pages, `last_page` included.
  void Enter(const std::vector<int64_t>& process_ids, uint64_t first_page, uint64_t last_page);
  [[nodiscard]] bool empty() const { return others_.empty(); }

  // Returns whether both are the same frame or swap slot, in the same state.
  static bool AreSame(PageWord one, PageWord other) {
    constexpr uint64_t kIdentity =
        PageWord::kFieldMask | PageWord::kPresent | PageWord::kSwap | PageWord::kFile;
    return ((one.raw() ^ other.raw()) & kIdentity) == 0;
  }

  // Returns whether any of the processes has this at `page`: a private frame or a swap slot, with
  // the same state and PFN or slot as `wanted`. What is damaged has nothing.
  bool Has(uint64_t page, PageWord wanted);
  // Returns what process number `index` has at `page`. What is damaged has nothing.
  PageWord At(size_t index, uint64_t page) { return WordAt(&others_[index], page); }

 private:
  struct Other {
    int64_t process_id = 0;
    bool is_loaded = false;
    std::vector<MappingInfo> mappings;  // of the range
    size_t mapping = 0;                 // that does not end before the page
    bool has_chunks = false;
    std::vector<ChunkInfo> chunks;  // of that
    size_t chunk = 0;               // likewise
    int64_t content_id = 0;         // whose words these are
    std::shared_ptr<const std::vector<uint64_t>> words;
  };
  PageWord WordAt(Other* other, uint64_t page);

  SnapshotReader* reader_;
  uint64_t first_page_ = 0;
  uint64_t last_page_ = 0;
  std::vector<Other> others_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_CHANGE_WORDS_OF_OTHERS_H_
