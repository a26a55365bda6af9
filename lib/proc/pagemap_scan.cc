#include "lib/proc/pagemap_scan.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace pagesnap {
namespace {

constexpr size_t kMaxRegions = 512;  // PAGEMAP_WALK_SIZE >> PAGE_SHIFT in the kernel

// include/uapi/linux/fs.h since 6.7; headers of older distributions lack it.
struct PageRegion {
  uint64_t start;
  uint64_t end;
  uint64_t categories;
};
struct ScanArgument {
  uint64_t size;
  uint64_t flags;
  uint64_t start;
  uint64_t end;
  uint64_t walk_end;
  uint64_t vec;
  uint64_t vec_len;
  uint64_t max_pages;
  uint64_t category_inverted;
  uint64_t category_mask;
  uint64_t category_anyof_mask;
  uint64_t return_mask;
};
constexpr uint64_t kIsPresent = 1 << 3;  // PAGE_IS_PRESENT
constexpr uint64_t kIsSwapped = 1 << 4;  // PAGE_IS_SWAPPED: any entry in swap format
constexpr uint64_t kIsHuge = 1 << 6;     // PAGE_IS_HUGE: in a PMD-mapped THP, or hugetlb

}  // namespace

void ScanPages(const ScanCall& call, uint64_t page_size, uint64_t first, uint64_t end,
               std::vector<PageRange>* ranges) {
  while (first < end) {
    uint64_t span_end = std::min(end, first + kPagesPerScan);
    ScanResult result = call(first * page_size, span_end * page_size, kMaxRegions);
    uint64_t reached = result.walk_end / page_size;
    for (const ScanResult::Region& region : result.regions) {
      uint64_t begin = region.start / page_size;
      uint64_t region_end = region.end / page_size;
      if (!ranges->empty() && ranges->back().end >= begin) {
        ranges->back().end = std::max(ranges->back().end, region_end);
      } else {
        ranges->push_back({begin, region_end});
      }
      reached = std::max(reached, region_end);
    }
    // With room left, the walk ended because the span did.
    if (result.regions.size() < kMaxRegions) reached = std::max(reached, span_end);
    // A call that reports no way forward must not be repeated for ever.
    first = std::max(reached, first + 1);
  }
}

ScanCall IoctlScan(int fd, const std::string& path, ScanFor what) {
  return [fd, path, what](uint64_t start, uint64_t end, size_t most) {
    std::array<PageRegion, kMaxRegions> regions;
    ScanArgument argument = {};
    argument.size = sizeof argument;
    argument.start = start;
    argument.end = end;
    argument.vec = reinterpret_cast<uintptr_t>(regions.data());
    argument.vec_len = std::min(most, regions.size());
    argument.category_anyof_mask = kIsPresent | kIsSwapped;
    argument.return_mask = kIsPresent | kIsSwapped;
    if (what == ScanFor::kMappedSingly) {
      argument.category_inverted = kIsHuge;  // not huge is what has to be
      argument.category_mask = kIsHuge;
    }
    int count = ioctl(fd, _IOWR('f', 16, ScanArgument), &argument);
    if (count < 0) throw ReadError(path, errno);
    ScanResult result;
    result.walk_end = argument.walk_end;
    for (int i = 0; i < count; ++i) result.regions.push_back({regions[i].start, regions[i].end});
    return result;
  };
}

}  // namespace pagesnap
