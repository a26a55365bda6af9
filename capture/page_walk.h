// Reads the page words of a process and hands them to the writer, chunk by chunk.
#ifndef CAPTURE_PAGE_WALK_H_
#define CAPTURE_PAGE_WALK_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <vector>

#include "capture/context.h"
#include "capture/gap_recorder.h"
#include "lib/proc/parse_process.h"

namespace pagesnap {

// Pages of a mapping from which on a scan for holes is cheaper than reading over them.
inline constexpr uint64_t kPartWorthAScan = 1024;

// Where a mapping is.
struct MappingPlace {
  int64_t id;
  uint64_t first_page;  // virtual page number
  uint64_t page_count;
};

// A mapping whose pages are to be read.
struct MappingSpan : MappingPlace {
  explicit MappingSpan(const MappingPlace& place) : MappingPlace(place) {}

  uint64_t alignment = 0;  // the number by which chunk boundaries are counted, of the first page
  bool dense = false;      // smaps says that at least half of its pages are there: not worth a scan
  bool empty = false;      // smaps says that it holds nothing
  uint64_t process_key =
      0;  // names process and mapping across the snapshots of a series; 0: no series
  uint64_t file_key = 0;  // names the file; 0: none
};

// A process while it is captured; shared by the jobs that read its pages.
struct ProcessState {
  ProcessStat stat;
  int64_t process_id = 0;
  uint64_t held_pages = 0;  // in memory and in swap, by status; 0 where unknown
  size_t mapping_count = 0;
  bool keep_mappings = false;          // in `mappings`, for who reads their figures later
  std::deque<MappingPlace> mappings;   // a process can have a million
  std::atomic<size_t> open_parts = 0;  // parts of its memory that are not read yet
  std::atomic<bool> gone = false;      // it ended while we read

  std::mutex mutex;           // guards what follows
  std::set<int64_t> cut_off;  // mappings that the end of the process kept from being read
  bool open_failed = false;   // pagemap could not be opened, and that was said
};

// Pages [begin, end) of a mapping, counted from the mapping's start.
struct PagePart {
  MappingSpan mapping;
  uint64_t begin;
  uint64_t end;
};

// One for each job.
class PageWalker {
 public:
  // `context` is borrowed.
  explicit PageWalker(CaptureContext& context);

  // Reads the parts of the process. What cannot be read becomes gaps, except what the end of the
  // process cut off, which is remembered in `process`.
  void Walk(ProcessState& process, std::span<const PagePart> parts);

 private:
  // Where the words of a read go: pages [begin, end) of the mapping are at words_[0...].
  struct Window {
    uint64_t begin;
    uint64_t end;
  };

  bool Open(ProcessState& process);
  void ReadAhead(std::span<const PagePart> parts);
  [[nodiscard]] bool IsAhead(uint64_t first, uint64_t count) const;
  bool WalkPart(ProcessState& process, const PagePart& part);
  bool ReadAll(const MappingSpan& mapping, const PagePart& part, RangeGap* unread);
  bool ReadRanges(const MappingSpan& mapping, const PagePart& part, RangeGap* unread);
  bool ReadInto(const MappingSpan& mapping, Window window, uint64_t begin, uint64_t end,
                RangeGap* unread);
  void Store(const MappingSpan& mapping, Window window);
  static void MarkCutOff(ProcessState& process, const MappingSpan& mapping);

  CaptureContext& context_;
  // What words_ and ahead_ are parts of; not set to anything, so that what is never read into is no
  // page fault.
  std::unique_ptr<uint64_t[]> buffer_;
  std::span<uint64_t> words_;
  std::span<uint64_t> ahead_;  // words of pages from ahead_first_ on that were read already
  uint64_t ahead_first_ = 0;   // virtual page number
  uint64_t ahead_count_ = 0;
  std::vector<PageRange> ranges_;
  std::unique_ptr<WordFile> pagemap_;
};

}  // namespace pagesnap

#endif  // CAPTURE_PAGE_WALK_H_
