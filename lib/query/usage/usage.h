// RSS, PSS, USS, swap and hugetlb of a mapping, computed from the snapshot the way the kernel does.
#ifndef LIB_QUERY_USAGE_USAGE_H_
#define LIB_QUERY_USAGE_USAGE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/query/scan/page_gaps.h"
#include "lib/store/frames/usage_sums.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// Figures are empty where something they need is missing; `missing` then says what.
struct MappingUsage {
  int64_t present_count = 0;
  int64_t swapped_count = 0;
  int64_t special_count = 0;
  int64_t absent_count = 0;
  int64_t hidden_count = 0;  // pages of a driver's area that pagemap does not show
  std::optional<int64_t> rss_kib;
  std::optional<int64_t> pss;  // bytes << kPssShift: what parts of a mapping have adds up
  std::optional<int64_t> uss_kib;
  std::optional<int64_t> swap_kib;
  std::optional<int64_t> hugetlb_kib;
  // rss_kib by kind (memory_kind.h).
  std::optional<int64_t> anonymous_kib;
  std::optional<int64_t> file_kib;
  std::optional<int64_t> shmem_kib;
  std::optional<int64_t> thp_kib;     // of rss_kib, in transparent huge pages of PMD size
  std::optional<int64_t> torn_count;  // pages whose frame contradicts them (ContradictsPage)
  int64_t gap_count = 0;              // pages that were not read; they are in absent_count too
  std::string missing;

  [[nodiscard]] std::optional<int64_t> pss_kib() const {
    return pss ? std::optional(PssKib(*pss)) : std::nullopt;
  }
};

// Sets the figures of pages that `sums` and the counts in `usage` are of; none when something is
// missing from the start.
void SetFigures(const UsageSums& sums, uint64_t page_size, MappingUsage* usage);

// Computes usages of the snapshots of a reader, as UsageSums says. Pages of VM_PFNMAP mappings are
// not accounted.
class UsageCalculator {
 public:
  // `reader` is borrowed.
  explicit UsageCalculator(SnapshotReader& reader) : reader_(reader), gaps_(reader) {}

  // Computes what Compute() needs for these mappings, on all cores. Not needed, only faster.
  void Prepare(std::span<const MappingInfo> mappings);

  // Throws Error only when the tables contradict each other; a damaged blob makes figures empty.
  MappingUsage Compute(const MappingInfo& mapping);

 private:
  const UsageSums& ContentSums(const SnapshotInfo& snapshot, int64_t content_id);
  void Forget(std::span<const MappingInfo> mappings);
  void AddContents(int64_t snapshot_id, const std::vector<int64_t>& contents);

  SnapshotReader& reader_;
  PageGaps gaps_;
  // Of contents that the file has no sums of, once however many mappings share them: by snapshot
  // and content.
  std::map<int64_t, std::unordered_map<int64_t, UsageSums>> content_sums_;
};

// Returns why a mapping has no figures, "" when nothing stands against them.
std::string MissingReason(const SnapshotInfo& snapshot, const MappingInfo& mapping,
                          const PageGaps& gaps);

}  // namespace pagesnap

#endif  // LIB_QUERY_USAGE_USAGE_H_
