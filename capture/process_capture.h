// Captures the processes: facts, mappings, the kernel's accounting, page words.
#ifndef CAPTURE_PROCESS_CAPTURE_H_
#define CAPTURE_PROCESS_CAPTURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "capture/engine.h"
#include "capture/frame_set.h"
#include "capture/gap_recorder.h"
#include "capture/word_range.h"
#include "lib/proc/parse_maps.h"
#include "lib/proc/parse_process.h"

namespace pagesnap {

// Captures one process after the other into the writer and remembers the frames they refer to.
class ProcessCapture {
 public:
  // Everything is borrowed. `page_size` is in bytes; without `accounting` maps is read, not smaps.
  ProcessCapture(ProcReader& reader, SnapshotWriter& writer, GapRecorder& gaps, Progress& progress,
                 uint64_t page_size, bool accounting);

  // Captures the process that `stat` was read from; if it ended or its pid was reused, that is a
  // gap. Returns false when no permission was the reason why nothing of its memory was read.
  bool Run(const ProcessStat& stat);

  [[nodiscard]] const FrameSet& frames() const { return frames_; }
  [[nodiscard]] uint64_t mapping_count() const { return mapping_count_; }
  [[nodiscard]] uint64_t page_count() const { return page_count_; }

 private:
  struct MappingSpan {
    int64_t id;
    uint64_t first_page;
    uint64_t page_count;
    uint64_t alignment;  // page number that chunk boundaries are counted by, of the first page
  };

  void ReadMappings();
  void ReadMapsFile(const std::string& name);
  void AddMapping(const MapsEntry& entry);
  void ReadPages();
  bool ReadMappingPages(WordFile& pagemap, const MappingSpan& mapping);
  void StoreWords(const MappingSpan& mapping, uint64_t done, std::span<const uint64_t> words);
  void CheckIdentity(const ProcessStat& stat);
  void AddGap(const std::string& source, const std::string& reason);
  [[nodiscard]] std::string Path(const std::string& name) const;

  ProcReader& reader_;
  SnapshotWriter& writer_;
  GapRecorder& gaps_;
  Progress& progress_;
  uint64_t page_size_;
  bool accounting_;

  FrameSet frames_;
  uint64_t mapping_count_ = 0;
  uint64_t page_count_ = 0;
  std::vector<uint64_t> buffer_;

  // Of the process that is being captured.
  int32_t pid_ = 0;
  int64_t process_id_ = 0;
  bool denied_ = false;
  bool gone_ = false;
  std::vector<MappingSpan> mappings_;
  AccountingTableBuilder figures_;
};

}  // namespace pagesnap

#endif  // CAPTURE_PROCESS_CAPTURE_H_
