#include "samples/workload_regions.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <numeric>
#include <random>
#include <system_error>
#include <thread>

namespace pagesnap {
namespace {

constexpr size_t kHugePageSize = size_t{2} << 20;
constexpr uint64_t kPresentBit = uint64_t{1} << 63;
constexpr uint64_t kSwapBit = uint64_t{1} << 62;

// Newer than the headers of some distributions that can build this.
constexpr int kMadvPageout = 21;        // Linux 5.4
constexpr int kMadvGuardInstall = 102;  // Linux 6.13

[[noreturn]] void ThrowErrno(const char* what) {
  throw std::system_error(errno, std::system_category(), what);
}

Region Skipped(std::string name, std::string kind, std::string reason) {
  Region region;
  region.name = std::move(name);
  region.kind = std::move(kind);
  region.skipped = std::move(reason);
  return region;
}

// The kernel merges neighbours of equal permissions into one mapping. A hole on either side keeps
// each region a mapping of its own. Throws when the kernel gives no memory.
char* MapBetweenHoles(size_t bytes, size_t alignment, int flags, int fd) {
  const size_t reserved = bytes + 2 * alignment;
  void* area = mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (area == MAP_FAILED) ThrowErrno("mmap");
  const uintptr_t begin = reinterpret_cast<uintptr_t>(area);
  const uintptr_t start = (begin / alignment + 1) * alignment;
  char* address = static_cast<char*>(area) + (start - begin);
  if (mmap(address, bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0) == MAP_FAILED) {
    const int error = errno;
    munmap(area, reserved);
    errno = error;
    ThrowErrno("mmap");
  }
  munmap(area, start - begin);
  munmap(address + bytes, begin + reserved - (start + bytes));
  return address;
}

Region MapAnonymous(std::string name, size_t page_count) {
  Region region;
  region.name = std::move(name);
  region.kind = "private_anonymous";
  region.page_count = page_count;
  const size_t bytes = page_count * PageSize();
  char* start = MapBetweenHoles(bytes, PageSize(), MAP_PRIVATE | MAP_ANONYMOUS, -1);
  // Where large folios are always on, one touch would populate several pages. It fails only on
  // kernels that have none.
  madvise(start, bytes, MADV_NOHUGEPAGE);
  region.start = start;
  return region;
}

Region MapFile(std::string name, std::string kind, size_t page_count, int flags, int fd) {
  Region region;
  region.name = std::move(name);
  region.kind = std::move(kind);
  region.page_count = page_count;
  region.start = MapBetweenHoles(page_count * PageSize(), PageSize(), flags, fd);
  return region;
}

void WritePages(const Region& region, size_t first, size_t end, size_t step = 1) {
  for (size_t page = first; page < end; page += step) WritePage(region, page);
}

void ReadPages(const Region& region, size_t first, size_t end) {
  for (size_t page = first; page < end; ++page) ReadPage(region, page);
}

Region MakeTouched(std::string name, size_t page_count, size_t step = 1) {
  Region region = MapAnonymous(std::move(name), page_count);
  WritePages(region, 0, page_count, step);
  return region;
}

// Reading memory that nothing was written to maps the one page of zeros, except where the kernel of
// a guest does without it: each page is then mapped exclusively.
Region MakeZeroPage() {
  constexpr uint64_t kExclusiveBit = uint64_t{1} << 56;
  Region region = MapAnonymous("zero_page", 8);
  ReadPages(region, 0, region.page_count);
  if ((ReadPageWords(region).front() & kExclusiveBit) == 0) return region;
  munmap(const_cast<char*>(region.start), region.page_count * PageSize());
  return Skipped(region.name, region.kind,
                 "this kernel has no zero page: it gave memory of its own where zeros were read");
}

// Returns a file of `page_count` pages that has no name any more, so that nothing stays behind.
int OpenTemporaryFile(size_t page_count) {
  const char* directory = std::getenv("TMPDIR");
  std::string path = fmt::format("{}/workload-XXXXXX", directory ? directory : "/tmp");
  const int fd = mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) ThrowErrno(path.c_str());
  unlink(path.c_str());
  // Written, not only sized: a read of a hole would say nothing about the file's own pages.
  const std::string content(page_count * PageSize(), 'f');
  if (write(fd, content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    ThrowErrno(path.c_str());
  }
  return fd;
}

Region MakeFileShared() {
  const int fd = OpenTemporaryFile(8);
  Region region = MapFile("file_shared", "file_shared", 8, MAP_SHARED, fd);
  close(fd);
  WritePages(region, 0, 8);
  return region;
}

// Pages 0-3 are the file's, pages 4-7 private copies.
Region MakeFilePrivate() {
  const int fd = OpenTemporaryFile(8);
  Region region = MapFile("file_private", "file_private", 8, MAP_PRIVATE, fd);
  close(fd);
  ReadPages(region, 0, 4);
  WritePages(region, 4, 8);
  return region;
}

// Returns the AnonHugePages of the mapping that starts at `address`, in KiB.
uint64_t AnonHugeKib(const volatile char* address) {
  std::ifstream smaps("/proc/self/smaps");
  const std::string head = fmt::format("{:08x}-", reinterpret_cast<uintptr_t>(address));
  const std::string key = "AnonHugePages:";
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    if (line.starts_with(head)) inside = true;
    if (inside && line.starts_with(key)) return std::stoull(line.substr(key.size()));
  }
  return 0;
}

// 4 MiB, of which the first half is touched.
Region MakeHugePage() {
  Region region;
  region.name = "huge_page";
  region.kind = "private_anonymous";
  const size_t bytes = 2 * kHugePageSize;
  region.page_count = bytes / PageSize();
  char* start = MapBetweenHoles(bytes, kHugePageSize, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  region.start = start;
  madvise(start, bytes, MADV_HUGEPAGE);
  WritePages(region, 0, kHugePageSize / PageSize());
  region.anon_huge_kib = AnonHugeKib(start);
  // Where the kernel had no huge page at hand, it must not put one here later.
  if (region.anon_huge_kib == 0) madvise(start, bytes, MADV_NOHUGEPAGE);
  return region;
}

Region MakeGuard() {
  Region region = MakeTouched("guard", 4);
  char* page = const_cast<char*>(region.start) + PageSize();
  if (madvise(page, PageSize(), kMadvGuardInstall) == 0) return region;
  return Skipped("guard", "private_anonymous",
                 fmt::format("madvise(MADV_GUARD_INSTALL): {}", std::strerror(errno)));
}

Region MakeHugetlb() {
  Region region;
  region.name = "hugetlb";
  region.kind = "hugetlb";
  region.page_count = kHugePageSize / PageSize();
  const int size_flag = 21 << MAP_HUGE_SHIFT;  // 2^21 bytes, whatever the machine's default
  try {
    region.start = MapBetweenHoles(kHugePageSize, kHugePageSize,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | size_flag, -1);
  } catch (const std::system_error& error) {
    return Skipped("hugetlb", "hugetlb",
                   fmt::format("no free 2 MiB page in the pool (see /proc/sys/vm/nr_hugepages): {}",
                               error.code().message()));
  }
  WritePage(region, 0);
  return region;
}

// The pages stay present, though no access is allowed.
Region MakeNoAccess() {
  Region region = MakeTouched("no_access", 4);
  if (mprotect(const_cast<char*>(region.start), 4 * PageSize(), PROT_NONE) != 0) {
    ThrowErrno("mprotect");
  }
  return region;
}

bool SwapIsActive() {
  std::ifstream swaps("/proc/swaps");
  std::string line;
  std::getline(swaps, line);  // the heading
  return static_cast<bool>(std::getline(swaps, line));
}

size_t SwappedCount(const Region& region) {
  const std::vector<uint64_t> words = ReadPageWords(region);
  return static_cast<size_t>(std::count_if(words.begin(), words.end(), [](uint64_t word) {
    return (word & (kPresentBit | kSwapBit)) == kSwapBit;
  }));
}

}  // namespace

size_t PageSize() {
  static const size_t page_size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return page_size;
}

void WritePage(const Region& region, size_t page) {
  volatile char* target = region.start + page * PageSize();
  const uintptr_t content = reinterpret_cast<uintptr_t>(target) + static_cast<uintptr_t>(getpid());
  for (size_t i = 0; i < sizeof(content); ++i) target[i] = static_cast<char>(content >> (8 * i));
}

void ReadPage(const Region& region, size_t page) {
  [[maybe_unused]] const char content = region.start[page * PageSize()];
}

Region MakeCopiedOnWrite() { return MakeTouched("copied_on_write", 8); }

Region MakeSharedMemory() {
  constexpr size_t kPageCount = 16;
  const int fd = memfd_create("workload", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, static_cast<off_t>(kPageCount * PageSize())) != 0) {
    ThrowErrno("memfd_create");
  }
  Region region = MapFile("shared_memory", "shared_memory", kPageCount, MAP_SHARED, fd);
  close(fd);
  WritePages(region, 0, kPageCount);
  return region;
}

std::vector<Region> MakeParentRegions() {
  std::vector<Region> regions;
  regions.push_back(MakeTouched("touched", 16));
  regions.push_back(MakeTouched("partly_touched", 16, 2));
  regions.push_back(MapAnonymous("untouched", 16));
  regions.push_back(MakeZeroPage());
  regions.push_back(MakeHugePage());
  regions.push_back(MakeFileShared());
  regions.push_back(MakeFilePrivate());
  regions.push_back(MakeGuard());
  regions.push_back(MakeHugetlb());
  regions.push_back(MakeNoAccess());
  return regions;
}

Region MakeBulk(size_t mib) {
  Region region = MapAnonymous("bulk", (mib << 20) / PageSize());
  region.list_pages = false;
  std::vector<uint32_t> order(region.page_count);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(1));  // the same order in every run
  for (uint32_t page : order) WritePage(region, page);
  return region;
}

Region MakeSwapped() {
  constexpr const char* kName = "swapped";
  constexpr const char* kKind = "private_anonymous";
  if (!SwapIsActive()) return Skipped(kName, kKind, "no swap area is active (see /proc/swaps)");
  Region region = MakeTouched(kName, 16);
  // The kernel skips a page that it is just working on: ask a few times.
  for (int attempt = 0; attempt < 20 && SwappedCount(region) < region.page_count; ++attempt) {
    char* start = const_cast<char*>(region.start);
    if (madvise(start, region.page_count * PageSize(), kMadvPageout) != 0) {
      return Skipped(kName, kKind, fmt::format("madvise(MADV_PAGEOUT): {}", std::strerror(errno)));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (SwappedCount(region) == 0) return Skipped(kName, kKind, "the kernel swapped no page out");
  return region;
}

std::vector<uint64_t> ReadPageWords(const Region& region) {
  // Opened each time: the file belongs to the process that opened it, not to a forked child.
  const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (fd < 0) ThrowErrno("/proc/self/pagemap");
  std::vector<uint64_t> words(region.page_count);
  const size_t size = words.size() * sizeof(uint64_t);
  const uintptr_t first_page = reinterpret_cast<uintptr_t>(region.start) / PageSize();
  const ssize_t got = pread(fd, words.data(), size, static_cast<off_t>(first_page * 8));
  close(fd);
  if (got != static_cast<ssize_t>(size)) throw std::runtime_error("/proc/self/pagemap: short read");
  return words;
}

}  // namespace pagesnap
