// The capture: reads a machine through ProcReader and writes one snapshot.
#ifndef CAPTURE_ENGINE_H_
#define CAPTURE_ENGINE_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "capture/freezer.h"
#include "capture/priority.h"
#include "capture/prober.h"
#include "capture/progress.h"
#include "lib/proc/reader.h"
#include "lib/store/write/snapshot_writer.h"

namespace pagesnap {

// Which processes to capture: the union of what is set.
struct Selection {
  std::vector<int32_t> pids = {};
  std::vector<int32_t> tree_roots = {};      // with all their descendants
  std::vector<std::string> cgroups = {};     // paths or names, with all that is below them
  std::vector<std::string> name_globs = {};  // fnmatch(3) patterns of comm
  bool all = false;

  [[nodiscard]] bool empty() const {
    return pids.empty() && tree_roots.empty() && cgroups.empty() && name_globs.empty() && !all;
  }
};

// Whether smaps is read, and not only maps: the kernel holds mmap_lock while it walks a mapping for
// it, however long that takes.
enum class Accounting {
  kNever,
  kBounded,  // not of running processes with a mapping that it would take many milliseconds for
  kAlways
};

inline constexpr int64_t kDefaultFreezeLimitNs = 2'000'000'000;

struct CaptureRequest {
  Selection selection;      // may be empty with all_frames
  bool all_frames = false;  // capture all frames of RAM, not only those that pages refer to
  Accounting accounting = Accounting::kBounded;
  int jobs = 1;                // threads that read
  Prober* prober = nullptr;    // says which do not answer; borrowed; null: all are read
  Freezer* freezer = nullptr;  // stops the processes meanwhile; borrowed; null: they run on
  int64_t freeze_limit_ns = kDefaultFreezeLimitNs;  // from the first stop to the last release
  // Most memory that what is read meanwhile may take before it is written. It is 8 bytes for a page
  // and 6 for a frame, so this is enough for some 70 GiB in 4 KiB pages.
  size_t max_held_bytes = size_t{256} << 20;
  // Is raised while processes are stopped, and lowered after it; borrowed; null: it stays as it is.
  const Priority* priority = nullptr;
  bool at_exit = false;  // the process stands still at its exit, as its tracer holds it there
  bool series = false;   // more snapshots of the same processes will follow
  // What the kernel may take at most for each of maps, smaps and pagemap of one process, in
  // nanoseconds on all threads together; the rest of the file is a gap.
  int64_t file_budget_ns = 60'000'000'000;
  size_t cmdline_bytes = 4096;  // how much of a command line is stored
  bool look_at_files = true;    // read their size, time and links: not those of a recorded tree
  bool build_ids = true;        // read build IDs of programs and libraries, too
  bool verify = false;          // read pagemap once more at the end
  const std::atomic<bool>* interrupted = nullptr;  // set by a signal: stop, write nothing
  std::string command_line;                        // stored as snapshot.options
};

// What was captured, for the summary.
struct CaptureSummary {
  uint64_t process_count = 0;  // without those whose memory was not read
  uint64_t ended_count = 0;    // that ended, or executed another program, before they were read
  uint64_t mapping_count = 0;
  uint64_t page_count = 0;   // populated pages
  uint64_t frame_count = 0;  // distinct frames
  uint64_t ram_count = 0;    // frames of RAM, with CaptureRequest::all_frames
  uint64_t torn_count = 0;   // that belonged to others by the time they were looked at
  // From the first stop to the last release, in nanoseconds; 0: nothing was stopped; negative:
  // unknown. Empty: nothing was to be stopped.
  std::optional<int64_t> freeze_ns = {};
  bool any_stopped = false;  // as a whole; if not, they were held up for freeze_ns, and ran on
  // When the processes have run on for as long as they were stopped, CLOCK_MONOTONIC in
  // nanoseconds; 0: nothing was to be stopped.
  int64_t rested_ns = 0;
  uint64_t gap_count = 0;
  std::string first_gap = {};  // the reason of the first gap
  std::map<int32_t, int32_t> threads =
      {};  // by the number of a thread that was selected: its process
};

// Captures one snapshot and commits it. What cannot be read becomes a gap. Throws Error when there
// is nothing to capture (a pid does not exist, no name matches, no permission for any of the
// processes) or the writer fails; the snapshot is then not committed.
CaptureSummary Capture(const CaptureRequest& request, ProcReader& reader, SnapshotWriter& writer,
                       Progress& progress);

}  // namespace pagesnap

#endif  // CAPTURE_ENGINE_H_
