// Reads the page words of a process and hands them to the writer, chunk by chunk.
#ifndef CAPTURE_PAGE_WALK_H_
#define CAPTURE_PAGE_WALK_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "capture/context.h"
#include "capture/gap_recorder.h"
#include "capture/held_pages.h"
#include "capture/process_state.h"

namespace pagesnap {

// Pages of a mapping from which on a scan for holes is cheaper than reading over them.
inline constexpr uint64_t kPartWorthAScan = 1024;

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

  // What was read while processes were stopped, and is not added to the writer.
  [[nodiscard]] HeldPages& held_pages() { return held_pages_; }

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
  bool ReadAll(const ProcessState& process, const PagePart& part, RangeGap* unread);
  bool ReadRanges(const ProcessState& process, const PagePart& part, RangeGap* unread);
  bool ReadInto(const MappingSpan& mapping, Window window, uint64_t begin, uint64_t end,
                RangeGap* unread);
  void Store(const ProcessState& process, const MappingSpan& mapping, Window window);
  static void MarkOutOfTime(ProcessState& process, const PagePart& part, const std::string& reason);
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
  HeldPages held_pages_;
};

// Returns whether a pagemap has words of the page with this virtual page number: it ends before
// [vsyscall].
bool IsInPagemap(uint64_t page, uint64_t page_size);

// Adds the words of pages that follow each other, from page `first` of the mapping on, to the
// writer.
void AddPages(SnapshotWriter& writer, const MappingSpan& mapping, uint64_t first,
              std::span<const uint64_t> words);

}  // namespace pagesnap

#endif  // CAPTURE_PAGE_WALK_H_
