// Page words in memory, on their way to the writer.
#ifndef CAPTURE_HELD_PAGES_H_
#define CAPTURE_HELD_PAGES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace pagesnap {

// A mapping whose pages are to be read.
struct MappingSpan {
  int64_t id = 0;
  uint64_t first_page = 0;  // virtual page number
  uint64_t page_count = 0;
  uint64_t alignment = 0;  // the number by which chunk boundaries are counted, of the first page
  bool dense = false;      // smaps says that at least half of its pages are there: not worth a scan
  bool empty = false;      // smaps says that it holds nothing
  // Names process and mapping across the snapshots of a series; 0: no series.
  uint64_t process_key = 0;
  uint64_t file_key = 0;  // names the file; 0: none
};

// Keeps the page words that one job reads while processes are stopped: these are hashed, compressed
// and written after the release.
class HeldPages {
 public:
  // Words of pages that follow each other; they never cover more than one read.
  struct Part {
    MappingSpan mapping;
    int32_t pid;
    uint64_t first;  // page, counted from the start of the mapping
    std::span<const uint64_t> words;
  };
  // Parts and the memory of their words.
  struct Block {
    std::unique_ptr<uint64_t[]> words;
    size_t word_count = 0;
    std::vector<Part> parts;
  };
  static constexpr size_t kBlockWords = size_t{1} << 17;

  // Copies the words, at most kBlockWords. Returns how many bytes that takes.
  size_t Add(int32_t pid, const MappingSpan& mapping, uint64_t first,
             std::span<const uint64_t> words);

  [[nodiscard]] std::vector<Block>& blocks() { return blocks_; }

 private:
  std::vector<Block> blocks_;
};

}  // namespace pagesnap

#endif  // CAPTURE_HELD_PAGES_H_
