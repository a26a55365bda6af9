// Captures what the kpage files say about frames: those that pages refer to, and all of RAM.
#ifndef CAPTURE_FRAME_CAPTURE_H_
#define CAPTURE_FRAME_CAPTURE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "capture/context.h"
#include "capture/ram_ranges.h"
#include "lib/codec/frame_columns.h"

namespace pagesnap {

struct FrameSource;

// Reads kpageflags, kpagecount and kpagecgroup for the context's frames, each chunk in PFN order,
// and adds them to its writer. With `ram`, reads all frames of RAM, too. A read is of at most a
// chunk, 512 KiB, and the kernel yields the processor within it (fs/proc/page.c).
class FrameCapture {
 public:
  // `context` and `ram` are borrowed; `ram` is null unless all frames are wanted. `ram_end` is the
  // PFN behind the last one of RAM, 0 if unknown: where a file ends there or later, the frames
  // behind are said to be NOPAGE, which is what the kernel says of holes; where it ends earlier,
  // they are a gap.
  FrameCapture(CaptureContext& context, uint64_t ram_end, const RamRanges* ram);
  ~FrameCapture();

  // Returns how many frames Schedule() has to read, those of RAM included.
  [[nodiscard]] uint64_t Count() const;

  // Adds the tasks for all frames that are in the set now to the context's pool. Unless processes
  // are stopped in this capture, also those for RAM: a frame is read once for both.
  void Schedule();
  // After a capture with a freeze: adds the tasks for RAM to the context's pool, if it is wanted.
  // To read all of it would keep the processes stopped for long.
  void ScheduleRam();

  // After the pool has run: adds the tasks that hand those to the writer that were kept while
  // processes were stopped.
  void ScheduleHeld();
  // Returns when the last frame was read, by CLOCK_MONOTONIC; 0: none was.
  [[nodiscard]] int64_t read_ns() const { return read_ns_; }

  // Called when the pool has run: says how much was read. Returns the cgroup inodes that occurred.
  std::set<uint64_t> Finish();

  // Returns whether kpageflags was read, at least in part. After Finish().
  [[nodiscard]] bool has_flags() const;

  // Returns how many of the frames contradict the pages that refer to them. After Finish().
  [[nodiscard]] uint64_t torn_count() const { return torn_count_; }

 private:
  struct Job;
  // Which frames of a chunk are read.
  struct Wanted {
    bool referenced;
    bool ram;
  };
  void AddTasks(const std::map<uint64_t, Wanted>& chunks);
  Job& JobOf(int number);
  void ReadChunk(uint64_t number, Wanted wanted, int job);
  void Hold(uint64_t first_pfn, const FrameColumns& columns);
  void AddFrames(uint64_t first_pfn, const FrameColumns& columns);
  void AddRam(uint64_t first_pfn, const FrameColumns& columns, const FrameBits& ram,
              const FrameBits& referenced);
  void CountTorn(const FrameColumns& columns, const FrameBits& referenced);
  void TakeCgroups(const FrameColumns& columns);

  CaptureContext& context_;
  uint64_t ram_end_;
  const RamRanges* ram_;  // borrowed
  std::unique_ptr<std::array<FrameSource, 3>> sources_;
  std::vector<std::unique_ptr<Job>> jobs_;  // null until the job reads its first chunk
  std::atomic<uint64_t> torn_count_ = 0;
  std::atomic<int64_t> read_ns_ = 0;
  std::mutex mutex_;  // guards what follows
  std::set<uint64_t> cgroups_;
  std::map<uint64_t, std::unique_ptr<FrameColumns>> held_;  // by first PFN
};

}  // namespace pagesnap

#endif  // CAPTURE_FRAME_CAPTURE_H_
