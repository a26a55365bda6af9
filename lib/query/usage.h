// RSS, PSS, USS, swap and hugetlb of a mapping, computed from the snapshot the way the kernel does.
#ifndef LIB_QUERY_USAGE_H_
#define LIB_QUERY_USAGE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "lib/store/snapshot_reader.h"

namespace pagesnap {

// Figures in KiB are empty where something they need is missing; `missing` then says what.
struct MappingUsage {
  int64_t present_count = 0;
  int64_t swapped_count = 0;
  int64_t special_count = 0;
  int64_t absent_count = 0;
  std::optional<int64_t> rss_kib;
  std::optional<int64_t> pss_kib;
  std::optional<int64_t> uss_kib;
  std::optional<int64_t> swap_kib;
  std::optional<int64_t> hugetlb_kib;
  std::optional<int64_t> torn_count;  // pages whose frame contradicts them (ContradictsMapping)
  std::string missing;
};

// Computes usages of one file. As fs/proc/task_mmu.c counts (smaps_account, smaps_hugetlb_range):
// over present pages whose frame is neither HUGE nor ZERO_PAGE and exists, RSS is one page each,
// USS those with a map count of at most one, PSS the page size divided by the map count, in
// fixed point with 12 bits and integer division for every page. HUGE pages are hugetlb. Pages of
// VM_PFNMAP mappings are not accounted.
class UsageCalculator {
 public:
  // `reader` is borrowed.
  explicit UsageCalculator(SnapshotReader& reader);

  // Computes what Compute() needs for these mappings, on all cores. Not needed, only faster.
  void Prepare(std::span<const MappingInfo> mappings);

  // Throws Error only when the tables contradict each other; a damaged blob makes figures empty.
  MappingUsage Compute(const MappingInfo& mapping);

 private:
  // Sums over the present pages of one content, in pages; PSS in bytes << 12.
  struct Sums {
    uint64_t rss = 0;
    uint64_t uss = 0;
    uint64_t hugetlb = 0;
    uint64_t pss = 0;
    uint64_t torn = 0;
    uint64_t unread_flags = 0;      // pages whose frame flags were not read
    uint64_t unread_map_count = 0;  // pages whose map count was not read
    bool damaged = false;
    bool complete = false;
  };
  const Sums& ContentSums(const SnapshotInfo& snapshot, int64_t content_id);
  void AddContents(int64_t snapshot_id, const std::vector<int64_t>& contents);
  template <typename Find>
  static void AddWords(const SnapshotInfo& snapshot, std::span<const uint64_t> words,
                       const Find& find, Sums* out);
  std::string MissingReason(const SnapshotInfo& snapshot, const MappingInfo& mapping) const;
  void LoadGaps();

  SnapshotReader& reader_;
  std::unordered_map<int64_t, std::string> mapping_gaps_;  // pages that were not read, and why
  std::unordered_map<int64_t, std::string> process_gaps_;
  // A content that many mappings share is summed once. By snapshot and content.
  std::map<int64_t, std::unordered_map<int64_t, Sums>> content_sums_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_USAGE_H_
