// The PAGEMAP_SCAN ioctl of /proc/PID/pagemap (Linux 6.7): finds populated ranges without reading
// a word for every page. Documentation/admin-guide/mm/pagemap.rst; fs/proc/task_mmu.c,
// do_pagemap_scan.
#ifndef LIB_PROC_PAGEMAP_SCAN_H_
#define LIB_PROC_PAGEMAP_SCAN_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "lib/proc/reader.h"

namespace pagesnap {

// Pages that one call looks at: 1 GiB with 4 KiB pages. A call holds the target's mmap_lock for all
// of its walk, at most about a millisecond for this span, and page faults that need to change the
// address space wait meanwhile.
inline constexpr uint64_t kPagesPerScan = uint64_t{1} << 18;

// What one ioctl call gives back; addresses in bytes.
struct ScanResult {
  struct Region {
    uint64_t start;
    uint64_t end;
  };
  std::vector<Region> regions;
  uint64_t walk_end = 0;  // where the kernel says that it stopped
};

// Makes one call for the addresses [start, end) with room for `most` regions. Throws ReadError.
using ScanCall = std::function<ScanResult(uint64_t start, uint64_t end, size_t most)>;

// Appends the ranges that `call` finds among the pages [first, end) to `ranges`, ascending, joined
// where they touch. Throws what `call` throws.
//
// The kernel collects at most 512 regions at a time, and its last collection does not set walk_end:
// with room for more in one call, walk_end can lie before regions that were returned, and a loop
// that continues there sees them twice. So we ask for 512 at most, and continue behind the last
// region in any case.
void ScanPages(const ScanCall& call, uint64_t page_size, uint64_t first, uint64_t end,
               std::vector<PageRange>* ranges);

// Returns the call on an open pagemap; `fd` and `path` (for messages) are borrowed.
ScanCall IoctlScan(int fd, const std::string& path, ScanFor what);

}  // namespace pagesnap

#endif  // LIB_PROC_PAGEMAP_SCAN_H_
