#include "tests/bench/bench_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <vector>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

constexpr size_t kHugeBytes = 2 * kMiB;

char* Map(size_t bytes) {
  void* place = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) throw Error("mmap: " + ErrnoText(errno));
  return static_cast<char*>(place);
}

// Different in every call, the same in every run.
std::mt19937& Generator() {
  static std::mt19937 generator(1);
  return generator;
}

std::vector<char*> ShuffledPages(char* start, size_t bytes) {
  std::vector<char*> pages(bytes / kBenchPageBytes);
  for (size_t i = 0; i < pages.size(); ++i) pages[i] = start + i * kBenchPageBytes;
  std::shuffle(pages.begin(), pages.end(), Generator());
  return pages;
}

void Protect(char* start, size_t bytes, int protection) {
  if (mprotect(start, bytes, protection) != 0) throw Error("mprotect: " + ErrnoText(errno));
}

}  // namespace

size_t FreeBytes() { return static_cast<size_t>(sysconf(_SC_AVPHYS_PAGES)) * kBenchPageBytes; }

char* MakeShuffledPages(size_t bytes) {
  char* start = Map(bytes);
  madvise(start, bytes, MADV_NOHUGEPAGE);
  for (char* page : ShuffledPages(start, bytes)) *page = 1;
  return start;
}

char* MakeRandomPages(size_t bytes) {
  constexpr size_t kOneOf = 8;
  const size_t taken_bytes =
      std::clamp(FreeBytes() / 4 * 3 / kBenchPageBytes * kBenchPageBytes, bytes, kOneOf * bytes);
  char* taken = Map(taken_bytes);
  madvise(taken, taken_bytes, MADV_NOHUGEPAGE);
  if (madvise(taken, taken_bytes, MADV_POPULATE_WRITE) != 0) {
    throw Error("madvise: " + ErrnoText(errno));
  }
  // The kernel takes single frames before it breaks up a larger block (mm/page_alloc.c,
  // __rmqueue_smallest).
  const std::vector<char*> pages = ShuffledPages(taken, taken_bytes);
  for (size_t i = 0; i < bytes / kBenchPageBytes; ++i) {
    madvise(pages[i], kBenchPageBytes, MADV_DONTNEED);
  }
  char* start = MakeShuffledPages(bytes);
  munmap(taken, taken_bytes);
  return start;
}

char* MakeHugePages(size_t bytes) {
  auto address = reinterpret_cast<uintptr_t>(Map(bytes + kHugeBytes));
  char* start = reinterpret_cast<char*>((address + kHugeBytes - 1) / kHugeBytes * kHugeBytes);
  madvise(start, bytes, MADV_HUGEPAGE);
  for (size_t i = 0; i < bytes; i += kBenchPageBytes) start[i] = 1;
  return start;
}

char* MakeReserve(size_t bytes, size_t count) {
  char* start = Map(bytes);
  madvise(start, bytes, MADV_NOHUGEPAGE);
  size_t distance = bytes / count / kBenchPageBytes * kBenchPageBytes;
  for (size_t i = 0; i < count; ++i) start[i * distance] = 1;
  return start;
}

char* MakeMappings(size_t count) {
  char* start = Map(count * kBenchPageBytes);
  madvise(start, count * kBenchPageBytes, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < count; ++i) start[i * kBenchPageBytes] = 1;
  for (size_t i = 0; i < count; i += 2) {
    Protect(start + i * kBenchPageBytes, kBenchPageBytes, PROT_READ);
  }
  return start;
}

void ChangePages(char* start, size_t bytes, size_t count) {
  std::uniform_int_distribution<size_t> any(0, bytes / kBenchPageBytes - 1);
  std::vector<char*> pages(count);
  for (char*& page : pages) {
    page = start + any(Generator()) * kBenchPageBytes;
    madvise(page, kBenchPageBytes, MADV_DONTNEED);
  }
  std::shuffle(pages.begin(), pages.end(), Generator());
  for (char* page : pages) *page = 1;
}

}  // namespace pagesnap
