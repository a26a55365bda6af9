// Captures what the kpage files say about the frames that pages refer to.
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
#include "lib/codec/frame_columns.h"

namespace pagesnap {

// Reads kpageflags, kpagecount and kpagecgroup for the context's frames, each chunk in PFN order,
// and adds them to its writer.
class FrameCapture {
 public:
  // `context` is borrowed. `ram_end` is the PFN behind the last one of RAM, 0 if unknown: where a
  // file ends there or later, the frames behind are said to be NOPAGE, which is what the kernel
  // says of holes; where it ends earlier, they are a gap.
  FrameCapture(CaptureContext& context, uint64_t ram_end);
  ~FrameCapture();

  // Adds the tasks for all frames that are in the set now to the context's pool.
  void Schedule();

  // After the pool has run: adds the tasks that hand those to the writer that were kept while
  // processes were stopped.
  void ScheduleHeld();
  // Returns when the last frame was read, by CLOCK_MONOTONIC; 0: none was.
  [[nodiscard]] int64_t read_ns() const { return read_ns_; }

  // Called when the pool has run: says how much was read. Returns the cgroup inodes that occurred.
  std::set<uint64_t> Finish();

  // Returns how many of the frames contradict the pages that refer to them. After Finish().
  [[nodiscard]] uint64_t torn_count() const { return torn_count_; }

 private:
  struct Source;
  class File;
  struct Job;
  void ReadChunk(uint64_t number, int job);
  void AddFrames(uint64_t first_pfn, const FrameColumns& columns);

  CaptureContext& context_;
  uint64_t ram_end_;
  std::unique_ptr<std::array<Source, 3>> sources_;
  std::vector<std::unique_ptr<Job>> jobs_;  // null until the job reads its first chunk
  std::atomic<uint64_t> torn_count_ = 0;
  std::atomic<int64_t> read_ns_ = 0;
  std::mutex mutex_;  // guards what follows
  std::set<uint64_t> cgroups_;
  std::map<uint64_t, std::unique_ptr<FrameColumns>> held_;  // by first PFN
};

}  // namespace pagesnap

#endif  // CAPTURE_FRAME_CAPTURE_H_
