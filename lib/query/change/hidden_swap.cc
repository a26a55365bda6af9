#include "lib/query/change/hidden_swap.h"

#include <algorithm>

#include "lib/base/error.h"

namespace pagesnap {

AbsentInSwap HiddenSwap::Of(int64_t process_id, int64_t mapping_id, uint64_t page_size) {
  if (mapping_id == mapping_id_) return answer_;
  mapping_id_ = mapping_id;
  answer_ = AbsentInSwap::kNone;
  const std::vector<MappingInfo> found = reader_->Mappings(process_id, {.mapping_id = mapping_id});
  if (found.size() != 1) return answer_;
  uint64_t seen = 0;
  uint64_t absent = found.front().page_count;
  for (const ChunkInfo& chunk : reader_->Chunks(found.front())) {
    seen += static_cast<uint64_t>(chunk.swapped_count);
    absent -= std::min(absent, static_cast<uint64_t>(chunk.populated_count()));
  }
  const uint64_t swapped = SwapKib(process_id, mapping_id) * 1024 / page_size;
  if (swapped > seen) {
    answer_ = swapped - seen >= absent ? AbsentInSwap::kAll : AbsentInSwap::kSome;
  }
  return answer_;
}

// Returns 0 for what is not known.
uint64_t HiddenSwap::SwapKib(int64_t process_id, int64_t mapping_id) try {
  if (process_id != process_id_) {
    process_id_ = process_id;
    // The rows of the table are in the order of the ids of the process's mappings.
    mapping_ids_.clear();
    for (const MappingInfo& one : reader_->Mappings(process_id, {})) mapping_ids_.push_back(one.id);
  }
  const AccountingTable* table = reader_->Accounting(process_id);
  const auto place = std::lower_bound(mapping_ids_.begin(), mapping_ids_.end(), mapping_id);
  const auto row = static_cast<size_t>(place - mapping_ids_.begin());
  if (table == nullptr || row >= table->row_count()) return 0;
  const std::optional<size_t> column = table->Column("Swap");
  return column ? table->Value(*column, row).value_or(0) : 0;
} catch (const Error& error) {
  reader_->NoteDamage(error.what());
  return 0;
}

}  // namespace pagesnap
