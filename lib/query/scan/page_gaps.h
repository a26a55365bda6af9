// Which pages the capture could not read.
#ifndef LIB_QUERY_SCAN_PAGE_GAPS_H_
#define LIB_QUERY_SCAN_PAGE_GAPS_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// Pages [begin, end), counted from the start of a mapping.
struct PageInterval {
  uint64_t begin = 0;
  uint64_t end = 0;
};

class PageGaps {
 public:
  // Reads the gaps of all snapshots.
  explicit PageGaps(const SnapshotReader& reader);

  // Returns why pages of the mapping were not read, "" when all were.
  [[nodiscard]] const std::string& ReasonFor(const MappingInfo& mapping) const;
  // Returns these pages: inside the mapping, ascending, apart from each other.
  [[nodiscard]] std::vector<PageInterval> PagesOf(const MappingInfo& mapping) const;
  // Returns how many of `count` pages from `first` on, counted from the start of the mapping, these
  // are. Takes the logarithm of the number of gaps.
  [[nodiscard]] uint64_t UnreadCount(const MappingInfo& mapping, uint64_t first,
                                     uint64_t count) const;

 private:
  struct MappingGaps {
    std::string reason;                  // of the first
    std::vector<PageInterval> pages;     // ascending, apart from each other
    std::vector<uint64_t> count_before;  // of each of them: the pages of those before it
  };
  static void Finish(MappingGaps* gaps);
  static uint64_t CountBefore(const MappingGaps& gaps, uint64_t page);

  std::unordered_map<int64_t, MappingGaps> of_mapping_;
  std::unordered_map<int64_t, std::string> of_process_;  // none of its pages were read
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_PAGE_GAPS_H_
