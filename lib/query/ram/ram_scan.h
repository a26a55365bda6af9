// Goes over all RAM of a snapshot, in PFN order.
#ifndef LIB_QUERY_RAM_RAM_SCAN_H_
#define LIB_QUERY_RAM_RAM_SCAN_H_

#include <cstdint>
#include <limits>

#include "lib/kernel/ram_kind.h"
#include "lib/store/frames/ram_table.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// Frames that follow each other, with equal facts, in one zone.
struct RamRun {
  uint64_t first_pfn = 0;
  uint64_t frame_count = 0;
  FrameFacts facts;
  const Zone* zone = nullptr;  // of the snapshot, or null
  RamKind kind = RamKind::kUnread;
  [[nodiscard]] uint64_t end_pfn() const { return first_pfn + frame_count; }
};

// Visits the runs; a run ends with its chunk, too. A snapshot without all frames has none.
class RamScan {
 public:
  // `reader` is borrowed. Visits the runs that begin up to `last_pfn`.
  RamScan(SnapshotReader& reader, int64_t snapshot_id,
          uint64_t last_pfn = std::numeric_limits<uint64_t>::max());

  // Goes to the next run; false behind the last one. Throws Error when a chunk is damaged, and
  // LimitError.
  bool Next();
  [[nodiscard]] const RamRun& run() const { return run_; }
  [[nodiscard]] const SnapshotInfo& snapshot() const { return snapshot_; }
  // Whether the snapshot has all frames.
  [[nodiscard]] bool has_ram() const { return !table_.empty(); }

 private:
  void TakeFacts(uint64_t* end);

  const SnapshotInfo& snapshot_;
  RamTable table_;
  uint64_t last_pfn_;
  size_t range_ = 0;
  uint64_t next_pfn_ = 0;
  size_t chunk_run_ = 0;                 // index in the chunk that next_pfn_ is in
  uint64_t chunk_start_ = ~uint64_t{0};  // of chunk_run_
  RamRun run_;
  RamKinds kinds_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_RAM_RAM_SCAN_H_
