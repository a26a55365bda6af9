// What the parts of one capture share.
#ifndef CAPTURE_CONTEXT_H_
#define CAPTURE_CONTEXT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "capture/engine.h"
#include "capture/file_capture.h"
#include "capture/frame_set.h"
#include "capture/freeze_period.h"
#include "capture/gap_recorder.h"
#include "capture/inquiry.h"
#include "capture/memory_owners.h"
#include "capture/progress.h"
#include "capture/task_pool.h"
#include "lib/base/interrupted.h"
#include "lib/proc/reader.h"
#include "lib/store/write/snapshot_writer.h"

namespace pagesnap {

// How much reading something is, for the progress bar: RAM is read in large pieces.
inline constexpr uint64_t kPageWork = 4;
inline constexpr uint64_t kFrameWork = 4;
inline constexpr uint64_t kRamFrameWork = 1;

// Borrows everything; used by all jobs at once.
struct CaptureContext {
  const CaptureRequest& request;
  ProcReader& reader;
  SnapshotWriter& writer;
  GapRecorder& gaps;
  FrameSet& frames;
  TaskPool& pool;
  Progress& progress;
  uint64_t page_size;  // bytes

  // Nothing is read of the memory of processes that do not answer. Asks only while no job runs.
  Inquiry& inquiry;
  // Why stat of processes could not be read, by pid (select.h). Changes only while no job runs.
  std::map<int32_t, std::string> unread_stat = {};
  // Which processes have no mappings of their own in the snapshot. Changes only while no job runs.
  MemoryOwners memory_of = {};
  bool can_scan = false;                        // the kernel has PAGEMAP_SCAN
  uint64_t mapped_once_bit = 0;                 // of page words; 0 where the kernel has no such bit
  FileCapture* files = nullptr;                 // borrowed; null: files are not looked at
  FreezePeriod* freeze = nullptr;               // borrowed; null: no process is stopped
  std::function<void()> on_pages_read = [] {};  // called once, when open_walks falls to 0

  // Tasks that may still find pages: those that read a process and those that walk its pages.
  std::atomic<size_t> open_walks = 0;
  std::atomic<uint64_t> mapping_count = 0;
  std::atomic<uint64_t> page_count = 0;    // populated pages
  std::atomic<uint64_t> denied_count = 0;  // processes whose memory we may not read
  std::atomic<uint64_t> ended_count = 0;   // processes that ended before all of them was read
  std::mutex left_out_mutex = {};          // guards what follows
  std::set<int32_t> smaps_left_out = {};   // pids; see Accounting::kBounded
  std::mutex progress_mutex = {};

  // Whether processes are stopped, so that what is read has to be kept in memory.
  [[nodiscard]] bool held() const { return freeze != nullptr && freeze->held(); }
  // Ends the freeze when its limit has passed.
  void CheckLimit() const {
    if (freeze != nullptr) freeze->CheckLimit();
  }

  void BeginProgress(const std::string& label, uint64_t total) {
    std::lock_guard lock(progress_mutex);
    progress.Begin(label, total);
  }
  // Says how much is still to be done.
  void SetRest(uint64_t count) {
    std::lock_guard lock(progress_mutex);
    progress.SetRest(count);
  }
  void Advance(uint64_t count) {
    std::lock_guard lock(progress_mutex);
    progress.Advance(count);
  }

  void EndWalk() {
    if (--open_walks == 0) on_pages_read();
  }

  // Throws Error when the user asked to stop.
  void CheckInterrupt() const { CheckInterrupted(request.interrupted); }
};

}  // namespace pagesnap

#endif  // CAPTURE_CONTEXT_H_
