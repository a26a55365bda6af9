// Swap that pagemap does not show: pages of shared memory read as absent there.
#ifndef LIB_QUERY_CHANGE_HIDDEN_SWAP_H_
#define LIB_QUERY_CHANGE_HIDDEN_SWAP_H_

#include <cstdint>
#include <vector>

#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// How many of the pages of a mapping that read as absent are in swap.
enum class AbsentInSwap { kNone, kSome, kAll };

// Asks smaps, which counts them (fs/proc/task_mmu.c, shmem_swap_usage(), 4.5).
class HiddenSwap {
 public:
  // `reader` is borrowed.
  explicit HiddenSwap(SnapshotReader& reader) : reader_(&reader) {}

  // kNone where smaps was not read. Asked for one process after the other.
  AbsentInSwap Of(int64_t process_id, int64_t mapping_id, uint64_t page_size);

 private:
  uint64_t SwapKib(int64_t process_id, int64_t mapping_id);

  SnapshotReader* reader_;
  int64_t process_id_ = 0;
  std::vector<int64_t> mapping_ids_;  // of the process, ascending
  int64_t mapping_id_ = 0;            // that was asked for last
  AbsentInSwap answer_ = AbsentInSwap::kNone;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_CHANGE_HIDDEN_SWAP_H_
