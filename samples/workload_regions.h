// The regions of memory that the workload makes, one for each thing that pagemap can say.
#ifndef SAMPLES_WORKLOAD_REGIONS_H_
#define SAMPLES_WORKLOAD_REGIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pagesnap {

// A stretch of addresses in a mapping of its own, never unmapped: it lives as long as the process.
struct Region {
  std::string name;  // what was done to it, unique within a process
  std::string kind;  // what sort of memory it is
  volatile char* start = nullptr;
  size_t page_count = 0;
  std::string skipped;  // why this machine has no such region; empty where it has one
  std::optional<uint64_t> anon_huge_kib;  // what smaps says of huge pages, where it was asked
  bool list_pages = true;                 // false for areas too large for a line of JSON
};

size_t PageSize();

// Writes one page, or only reads it. The content is distinct in each page of the process.
void WritePage(const Region& region, size_t page);
void ReadPage(const Region& region, size_t page);

// The two regions that parent and child have in common. Make them before the fork.
Region MakeCopiedOnWrite();
Region MakeSharedMemory();

// The regions of the parent alone. Make them after the fork, so that no child shares their frames.
std::vector<Region> MakeParentRegions();

// `mib` MiB of private anonymous memory, touched in random order so that its frames are scattered.
Region MakeBulk(size_t mib);

// Sixteen pages that were swapped out. Make this last, as nothing may touch them again.
Region MakeSwapped();

// Returns the raw words that /proc/self/pagemap has for the region, now.
std::vector<uint64_t> ReadPageWords(const Region& region);

}  // namespace pagesnap

#endif  // SAMPLES_WORKLOAD_REGIONS_H_
