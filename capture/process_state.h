// A process while it is captured.
#ifndef CAPTURE_PROCESS_STATE_H_
#define CAPTURE_PROCESS_STATE_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/codec/accounting_table.h"
#include "lib/proc/parse_process.h"
#include "lib/proc/reader.h"
#include "lib/store/sqlite/facts.h"
#include "lib/store/write/pending_rows.h"

namespace pagesnap {

// A file that a process maps, and where: the first of its mappings.
struct SeenFile {
  int64_t file_id = 0;
  uint64_t start = 0;  // address of the first byte
  uint64_t end = 0;    // address after the last byte
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  uint64_t inode = 0;
  bool executable = false;  // any of the mappings is
};

// What a capture that stops its processes knows of one of them besides. Its row is added after the
// release, when all that it says is known.
struct HeldProcess {
  bool runs = false;                              // it is not stopped on purpose
  std::optional<ProcessFacts> facts;              // empty: to be read after the release
  std::optional<AccountingTableBuilder> figures;  // not added to the writer yet
  // CLOCK_MONOTONIC, in nanoseconds; 0: nothing was read.
  std::atomic<int64_t> first_read_ns = 0;
  std::atomic<int64_t> words_read_ns = 0;    // when the last of its page words were read
  std::atomic<int64_t> figures_read_ns = 0;  // when smaps was read to its end
};

// Shared by the jobs that read its pages.
struct ProcessState {
  ProcessStat stat;
  std::string folder;  // that shows its memory: proc/PID, or of a thread when the first has ended
  int64_t process_id = 0;
  // A hash of where the first mapping is, and of what file: that of relatives by fork, and of
  // hardly any other process. 0: none was read.
  uint64_t family_key = 0;
  uint64_t held_pages = 0;  // in memory and in swap, by status; 0 where unknown
  size_t mapping_count = 0;
  bool keep_mappings = false;          // in `mappings`, until their figures are read too
  std::deque<MappingRow> mappings;     // not added to the writer yet; a process can have a million
  std::vector<SeenFile> files;         // each once; empty where nothing is asked about them
  std::atomic<size_t> open_parts = 0;  // parts of its memory that are not read yet
  std::atomic<bool> gone = false;      // nothing more can be read: it has ended, or the file has
  std::atomic<bool> ended = false;     // it has ended, or executed another program

  std::unique_ptr<HeldProcess> held;  // null: this capture stops no process

  std::mutex mutex;                // guards what follows
  std::vector<Gap> gaps_if_alive;  // are gaps unless the process turns out to have ended
  std::set<int64_t> cut_off;       // mappings that were not read to their end
  bool open_failed = false;        // pagemap could not be opened, and that was said
  // Pages, from the start of the mapping, that were not read before its time was used up; by
  // mapping.
  std::map<int64_t, PageRange> out_of_time;
  std::string out_of_time_reason;
};

}  // namespace pagesnap

#endif  // CAPTURE_PROCESS_STATE_H_
