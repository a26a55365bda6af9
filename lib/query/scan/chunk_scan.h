// What the tables that go over the pages of mappings have in common.
#ifndef LIB_QUERY_SCAN_CHUNK_SCAN_H_
#define LIB_QUERY_SCAN_CHUNK_SCAN_H_

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "lib/query/scan/scan.h"

namespace pagesnap {

// Goes over the mappings that a query admits, and over the chunks of each with its page words.
class ChunkScan {
 public:
  // `reader` is borrowed.
  explicit ChunkScan(SnapshotReader& reader) : reader_(reader), scan_(reader) {}

  // Starts over, before the first mapping. As MappingScan::Start().
  void Start(const std::vector<TableConstraint>& constraints, int page_column);

  // Goes to the next mapping, before its first chunk; false behind the last one.
  bool NextMapping();
  // Leaves out the chunks of the mapping that end before `page`, a virtual page number.
  void SkipBefore(uint64_t page);
  // Goes to the next chunk of the mapping; false behind its last one, or before the first mapping.
  bool NextChunk();

  // The current mapping.
  [[nodiscard]] const MappingInfo& mapping() const { return scan_.mapping(); }
  [[nodiscard]] const SnapshotInfo& snapshot() const { return *snapshot_; }
  // The current chunk, and the virtual page number of its first page.
  [[nodiscard]] const ChunkInfo& chunk() const { return chunks_[next_chunk_ - 1]; }
  [[nodiscard]] uint64_t first_page() const {
    const uint64_t page = mapping().first_page + chunk().first_page;
    return std::max(page, cut().first_page);
  }
  // Returns the words of the chunk from first_page() on, as far as they lie in cut(), valid until
  // the next call. Throws Error when they are damaged.
  std::span<const uint64_t> Words();
  [[nodiscard]] const PageCut& cut() const { return scan_.cut(); }

  [[nodiscard]] const PageFilter& filter() const { return scan_.filter(); }

 private:
  SnapshotReader& reader_;
  MappingScan scan_;
  const SnapshotInfo* snapshot_ = nullptr;
  std::vector<ChunkInfo> chunks_;
  size_t next_chunk_ = 0;
  std::shared_ptr<const std::vector<uint64_t>> held_words_;
};

// Goes from run to run: pages of a mapping that follow each other and belong together. No run goes
// beyond its mapping. A bound on pages chooses mappings and no parts of them, so that it never
// cuts a run. `Rule` says which pages belong together:
//   Enter(snapshot)          the words that follow are of this snapshot
//   Expect(word)             this word comes soon
//   bool Begins(word)        whether a run begins here, and takes it as its first page
//   bool Continues(word, n)  whether the page behind the run's n pages belongs to it
template <typename Rule>
class RunScan {
 public:
  // `reader` is borrowed.
  RunScan(SnapshotReader& reader, Rule rule) : scan_(reader), rule_(std::move(rule)) {}

  // Starts over, before the first run.
  void Start(const std::vector<TableConstraint>& constraints, int page_column) {
    scan_.Start(constraints, page_column);
    words_ = {};
    index_ = 0;
  }

  // Goes to the next run; false behind the last one.
  bool Next() {
    while (!SkipToBegin()) {
      while (!NextWords()) {
        if (!scan_.NextMapping()) return false;
        rule_.Enter(scan_.snapshot());
      }
    }
    page_ = first_page_ + index_++;
    page_count_ = 1;
    if (index_ + kAhead < words_.size()) rule_.Expect(PageWord(words_[index_ + kAhead]));
    while (true) {
      while (index_ < words_.size() && rule_.Continues(PageWord(words_[index_]), page_count_)) {
        ++index_;
        ++page_count_;
      }
      // The run ends here unless it goes on in the chunk that follows without a hole.
      if (index_ < words_.size() || !NextWords() || first_page_ != page_ + page_count_) return true;
    }
  }

  // The current run: its first virtual page number, and how many pages it has.
  [[nodiscard]] uint64_t page() const { return page_; }
  [[nodiscard]] uint64_t page_count() const { return page_count_; }
  [[nodiscard]] const MappingInfo& mapping() const { return scan_.mapping(); }
  [[nodiscard]] const SnapshotInfo& snapshot() const { return scan_.snapshot(); }
  [[nodiscard]] const PageCut& cut() const { return scan_.cut(); }
  [[nodiscard]] Rule& rule() { return rule_; }

 private:
  // Where each page is a run, SQLite and the printer take about as long for so many of them as the
  // memory takes to answer.
  static constexpr size_t kAhead = 4;

  bool SkipToBegin() {
    while (index_ < words_.size() && !rule_.Begins(PageWord(words_[index_]))) ++index_;
    return index_ < words_.size();
  }
  bool NextWords() {
    words_ = {};
    index_ = 0;
    if (!scan_.NextChunk()) return false;
    words_ = scan_.Words();
    first_page_ = scan_.first_page();
    return true;
  }

  ChunkScan scan_;
  Rule rule_;
  std::span<const uint64_t> words_;
  size_t index_ = 0;         // of the word behind the run
  uint64_t first_page_ = 0;  // of words_
  uint64_t page_ = 0;
  uint64_t page_count_ = 0;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_CHUNK_SCAN_H_
