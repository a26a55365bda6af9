// One of the kpage files, read frame by frame where frames are asked for.
#ifndef CAPTURE_FRAME_FILE_H_
#define CAPTURE_FRAME_FILE_H_

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "capture/context.h"
#include "lib/codec/frame_columns.h"

namespace pagesnap {

// Calls visit(begin, count) for each run of set bits, ascending; a run ends with its word.
template <typename Visit>
void ForEachRun(const FrameBits& bits, const Visit& visit) {
  for (uint32_t i = 0; i < bits.size(); ++i) {
    for (uint64_t rest = bits[i]; rest != 0;) {
      const auto first = static_cast<uint32_t>(std::countr_zero(rest));
      const auto count = static_cast<uint32_t>(std::countr_one(rest >> first));
      visit(i * 64 + first, count);
      rest = first + count == 64 ? 0 : rest >> (first + count) << (first + count);
    }
  }
}

// Returns `bits` without those that are in `others`.
FrameBits Without(FrameBits bits, const FrameBits& others);

// kpageflags, kpagecount or kpagecgroup, for all jobs.
struct FrameSource {
  const char* name;
  uint64_t behind_end;  // the value of frames that do not exist
  std::atomic<SourceState> state = SourceState::kRead;
  std::mutex mutex = {};
  std::unique_ptr<WordFile> opened = nullptr;  // for the job that comes first

  // Opens the file for one job, or returns null and says why in a gap.
  std::unique_ptr<WordFile> Open(CaptureContext& context);
  // Likewise, but takes the one that is open already, and returns null at once where nobody may
  // open it.
  std::unique_ptr<WordFile> Take(CaptureContext& context);
};

// One of the three files, opened for one job.
class FrameFile {
 public:
  // Frames whose value is known without reading it. No two of them have a frame in common.
  struct KnownFrames {
    FrameBits ones{};      // have the value 1
    FrameBits zeros{};     // have the value 0
    FrameBits left_out{};  // have none, and are no gap
  };

  // `values` has room for a chunk, and is used by one call at a time. All are borrowed. `ram_end`
  // is as for FrameCapture.
  FrameFile(FrameSource& source, uint64_t ram_end, CaptureContext& context,
            std::span<uint64_t> values);

  // Sets the column to the values of the frames in `bits`; those that are not known are read.
  void ReadColumn(uint64_t first_pfn, const FrameBits& bits, const KnownFrames& known,
                  DictionaryColumn* column);

  // Adds the frames behind folios to the columns, whose flags this file read just before. One that
  // cannot be read is no gap: no page refers to it.
  void ReadBehind(uint64_t first_pfn, const FrameBits& behind, FrameColumns* columns);

 private:
  struct Range {
    uint32_t begin;
    uint32_t end;
  };
  static std::vector<Range> RangesOf(const FrameBits& bits);
  void Fill(const FrameBits& bits, uint64_t value);
  void SetRows(const FrameBits& bits, DictionaryColumn* column);
  void ReadRange(uint64_t first_pfn, const Range& range, RangeGap* unread);

  FrameSource& source_;
  uint64_t ram_end_;
  CaptureContext& context_;
  std::unique_ptr<WordFile> file_;
  uint64_t last_end_ = 0;       // behind the range that was read last
  std::span<uint64_t> values_;  // of the current chunk; only frames that were asked for have values
};

}  // namespace pagesnap

#endif  // CAPTURE_FRAME_FILE_H_
