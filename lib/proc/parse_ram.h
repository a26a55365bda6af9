// What the machine says of its RAM: where it is (iomem), and what of it is free (buddyinfo,
// zoneinfo).
#ifndef LIB_PROC_PARSE_RAM_H_
#define LIB_PROC_PARSE_RAM_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pagesnap {

// Frames [first_pfn, first_pfn + frame_count).
struct RamRange {
  uint64_t first_pfn = 0;
  uint64_t frame_count = 0;
  friend bool operator==(const RamRange&, const RamRange&) = default;
};

// Returns the ranges sorted, joined where they touch or overlap, without empty ones and without
// frames that no page word can name.
std::vector<RamRange> JoinedRanges(std::vector<RamRange> ranges);

// Returns the whole frames of the lines "System RAM" of /proc/iomem, as JoinedRanges(), with pages
// of `page_size` bytes. Empty for who may not see addresses: for them, all are 0. Throws Error that
// quotes a line it cannot read.
std::vector<RamRange> ParseIomemRam(std::string_view text, uint64_t page_size);

// How many free blocks of 2^block_order frames a zone has.
struct FreeArea {
  int32_t node = 0;
  std::string zone;
  int32_t block_order = 0;
  uint64_t block_count = 0;
};

// Reads /proc/buddyinfo (proc_buddyinfo(5)). Throws Error that quotes a line it cannot read.
std::vector<FreeArea> ParseBuddyinfo(std::string_view text);

// Returns how many frames are on the free lists of CPUs, by /proc/zoneinfo: the sum of its lines
// "count:". Throws Error that quotes a line it cannot read.
uint64_t ParsePerCpuFrames(std::string_view text);

}  // namespace pagesnap

#endif  // LIB_PROC_PARSE_RAM_H_
