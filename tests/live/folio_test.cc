// The report hugepages on large folios with holes, against /proc/PID/pagemap and /proc/kpageflags
// counted here by another way (that of tools/mm/thpmaps: runs of pages and frames, and the flags of
// the frame behind each run).
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/base/unique_fd.h"
#include "tests/live/live_testing.h"
#include "tests/support/smaps_oracle.h"

namespace pagesnap {
namespace {

constexpr size_t kFolio = size_t{64} << 10;
constexpr uint64_t kHead = uint64_t{1} << 15, kTail = uint64_t{1} << 16,
                   kHugetlb = uint64_t{1} << 17;

// Has the kernel make folios of 64 KiB for whoever asks for huge pages with madvise().
class SmallHugePages {
 public:
  SmallHugePages() {
    std::string modes;
    std::getline(std::ifstream(kSetting), modes);
    const size_t begin = modes.find('[');
    const size_t end = modes.find(']');
    if (begin == std::string::npos || end == std::string::npos) {
      reason_ = "this kernel has no folios of 64 KiB for anonymous memory";
      return;
    }
    undo_ = std::make_unique<Undo>(
        [mode = modes.substr(begin + 1, end - begin - 1)] { return Set(mode); });
    if (!Set("madvise")) reason_ = "folios of 64 KiB cannot be switched on";
  }
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  static constexpr char kSetting[] = "/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled";
  static bool Set(const std::string& mode) {
    std::ofstream file(kSetting);
    file << mode << std::flush;
    return file.good();
  }

  std::string reason_;
  std::unique_ptr<Undo> undo_;
};

uint64_t WordAt(const UniqueFd& file, uint64_t index) {
  uint64_t word = 0;
  const ssize_t size = pread(file.get(), &word, sizeof word, static_cast<off_t>(index * 8));
  return size == sizeof word ? word : 0;
}

// What a mapping is made of.
struct FolioFigures {
  uint64_t whole_kib = 0;
  uint64_t partial_kib = 0;
  uint64_t single_kib = 0;
  std::map<unsigned, uint64_t> orders;  // of whole folios: how many

  [[nodiscard]] std::string Orders() const {
    std::string text;
    for (const auto& [order, count] : orders) {
      text += fmt::format("{}{}:{}", text.empty() ? "" : ",", order, count);
    }
    return text;
  }
};

FolioFigures CountFolios(pid_t pid, uint64_t start, uint64_t end) {
  const UniqueFd pagemap(open(fmt::format("/proc/{}/pagemap", pid).c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd kpageflags(open("/proc/kpageflags", O_RDONLY | O_CLOEXEC));
  FolioFigures figures;
  uint64_t page = start / kPageSize;
  const auto pfn_at = [&](uint64_t at) -> uint64_t {
    const uint64_t word = at < end / kPageSize ? WordAt(pagemap, at) : 0;
    return word >> 63 == 0 ? 0 : word & ((uint64_t{1} << 55) - 1);
  };
  while (page < end / kPageSize) {
    const uint64_t pfn = pfn_at(page);
    const uint64_t flags = pfn == 0 ? 0 : WordAt(kpageflags, pfn);
    uint64_t count = 1;
    if (pfn == 0) {
    } else if ((flags & (kHead | kTail)) == 0) {
      figures.single_kib += 4;
    } else {
      while (pfn_at(page + count) == pfn + count &&
             (WordAt(kpageflags, pfn + count) & kTail) != 0) {
        ++count;
      }
      // One more flag behind the run: the folio goes on, or not.
      if ((flags & kHead) == 0 || (WordAt(kpageflags, pfn + count) & kTail) != 0) {
        figures.partial_kib += 4 * count;
      } else {
        figures.whole_kib += 4 * count;
        ++figures.orders[static_cast<unsigned>(std::countr_zero(count))];
      }
    }
    page += count;
  }
  return figures;
}

class LiveFolioTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
  }

  // Returns the memory of `count` folios at a multiple of their size, between holes.
  static char* MapFolios(size_t count) {
    const size_t size = (count + 2) * kFolio;
    auto* area = static_cast<char*>(
        mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (area == MAP_FAILED) throw Error("no memory");
    char* start = area + kFolio - reinterpret_cast<uintptr_t>(area) % kFolio;
    if (mprotect(start, count * kFolio, PROT_READ | PROT_WRITE) != 0 ||
        madvise(start, count * kFolio, MADV_HUGEPAGE) != 0) {
      throw Error("no huge pages by madvise()");
    }
    std::fill_n(start, count * kFolio, 'f');
    return start;
  }

  // Captures processes and compares each mapping that has large folios. Returns those of `pid` in
  // [start, end).
  static FolioFigures ExpectReported(const std::vector<pid_t>& pids, const char* start,
                                     size_t size) {
    const TemporaryDirectory directory;
    const std::string file = directory.File("folios.pagesnap");
    CaptureProcesses(pids, file);
    FolioFigures total;
    size_t compared = 0;
    for (const auto& row : AnalyzeRows({"hugepages", file})) {
      const uint64_t address = ParseAddress(row.at("start").get<std::string>()).value();
      const auto place = reinterpret_cast<uintptr_t>(start);
      if (address < place || address >= place + size) continue;
      for (const SmapsEntry& entry : ReadSmaps(row.at("pid"))) {
        if (entry.start != address) continue;
        const FolioFigures figures = CountFolios(row.at("pid"), entry.start, entry.end);
        EXPECT_EQ(row.at("unknown_kib"), 0) << row;
        EXPECT_EQ(row.at("thp_kib").get<uint64_t>() + row.at("folio_kib").get<uint64_t>(),
                  figures.whole_kib)
            << row;
        EXPECT_EQ(row.at("partial_kib"), figures.partial_kib) << row;
        EXPECT_EQ(row.at("rest_kib"), figures.single_kib) << row;
        EXPECT_EQ(row.at("orders").is_null() ? "" : row.at("orders"), figures.Orders()) << row;
        total.whole_kib += figures.whole_kib;
        total.partial_kib += figures.partial_kib;
        total.single_kib += figures.single_kib;
        ++compared;
      }
    }
    EXPECT_GT(compared, 0u);
    ExpectInvariants(file);
    return total;
  }
};

TEST_F(LiveFolioTest, AnonymousFoliosWithHolesEqualTheirFlags) {
  const SmallHugePages setting;
  if (!setting.reason().empty()) GTEST_SKIP() << setting.reason();
  constexpr size_t kFolios = 64;
  char* memory = MapFolios(kFolios);
  // Of four folios one keeps its first half, which looks like a folio, and the others lose a page
  // at the start, in the middle and at the end.
  for (size_t i = 0; i < kFolios / 2; ++i) {
    char* folio = memory + i * kFolio;
    if (i % 4 == 0) madvise(folio + kFolio / 2, kFolio / 2, MADV_DONTNEED);
    if (i % 4 == 1) madvise(folio, kPageSize, MADV_DONTNEED);
    if (i % 4 == 2) madvise(folio + 5 * kPageSize, kPageSize, MADV_DONTNEED);
    if (i % 4 == 3) madvise(folio + kFolio - kPageSize, kPageSize, MADV_DONTNEED);
  }
  // Quarters of a folio that lie elsewhere.
  char* piece = memory + 40 * kFolio + kFolio / 4;
  ASSERT_NE(
      mremap(piece, kFolio / 4, kFolio / 4, MREMAP_MAYMOVE | MREMAP_FIXED, memory + 41 * kFolio),
      MAP_FAILED);
  ASSERT_NE(mremap(memory + 42 * kFolio, kFolio / 4, kFolio / 4, MREMAP_MAYMOVE | MREMAP_FIXED,
                   memory + 43 * kFolio + kFolio / 2),
            MAP_FAILED);
  const FolioFigures figures = ExpectReported({getpid()}, memory, kFolios * kFolio);
  if (figures.whole_kib + figures.partial_kib == 0) GTEST_SKIP() << "the kernel made no folios";
  EXPECT_GT(figures.partial_kib, 0u);
  munmap(memory, kFolios * kFolio);
}

// Folios below the size of a PMD are not huge: diff says how large they are.
TEST_F(LiveFolioTest, DiffNamesSmallerFoliosBySize) {
  const SmallHugePages setting;
  if (!setting.reason().empty()) GTEST_SKIP() << setting.reason();
  constexpr size_t kSize = 4 * kFolio;
  const TemporaryDirectory directory;  // first: its fork would share the pages
  char* memory = MapFolios(4);
  madvise(memory, kSize, MADV_NOHUGEPAGE);
  madvise(memory, kSize, MADV_DONTNEED);
  std::fill_n(memory, kSize, 's');
  CaptureProcesses({getpid()}, directory.File("before"));
  madvise(memory, kSize, MADV_HUGEPAGE);
  madvise(memory, kSize, MADV_DONTNEED);
  std::fill_n(memory, kSize, 'f');
  CaptureProcesses({getpid()}, directory.File("after"));
  const auto start = reinterpret_cast<uintptr_t>(memory);
  const FolioFigures figures = CountFolios(getpid(), start, start + kSize);
  if (figures.Orders() != "4:4") GTEST_SKIP() << "the kernel made no folios";
  const auto rows = AnalyzeRows(
      {"sql", directory.File("before"), directory.File("after"),
       fmt::format("SELECT change, before_folio_kib AS was, after_folio_kib AS now, "
                   "SUM(page_count) AS pages FROM page_change(1, 2) WHERE after_page BETWEEN {} "
                   "AND {} GROUP BY 1, 2, 3",
                   start / kPageSize, (start + kSize) / kPageSize - 1)});
  ASSERT_EQ(rows.size(), 1u) << rows;
  EXPECT_EQ(rows[0].dump(), R"({"change":"resized","now":64,"pages":64,"was":4})");
  const std::string text =
      RunAnalyze({"diff", directory.File("before"), directory.File("after")}).out;
  EXPECT_NE(text.find("now in folios of 64.0 KiB"), std::string::npos) << text;
  munmap(memory, kSize);
}

// The parent's pages in folios, which the child copied from one by one.
TEST_F(LiveFolioTest, FoliosThatAChildCopiesFromEqualTheirFlags) {
  const SmallHugePages setting;
  if (!setting.reason().empty()) GTEST_SKIP() << setting.reason();
  constexpr size_t kFolios = 16;
  char* memory = MapFolios(kFolios);
  int ready[2];
  int end[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(end), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    close(end[1]);
    for (size_t i = 0; i < kFolios; ++i) {
      memory[i * kFolio + (i % 3) * kFolio / 2 - (i % 3 == 2 ? kPageSize : 0)] = 'c';
    }
    char byte = 'r';
    if (write(ready[1], &byte, 1) == 1 && read(end[0], &byte, 1) == 0) _exit(0);
    _exit(1);
  }
  close(ready[1]);
  close(end[0]);
  char byte = 0;
  EXPECT_EQ(read(ready[0], &byte, 1), 1);
  // The parent gives up halves that the child keeps, and the other way round nobody has them.
  for (size_t i = 0; i < kFolios / 2; ++i) {
    madvise(memory + i * kFolio + kFolio / 2, kFolio / 2, MADV_DONTNEED);
  }
  ExpectReported({getpid(), child}, memory, kFolios * kFolio);
  ExpectReported({getpid()}, memory, kFolios * kFolio);
  close(end[1]);
  close(ready[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  munmap(memory, kFolios * kFolio);
}

// A mapping that begins and ends inside folios of the page cache.
TEST_F(LiveFolioTest, FileFoliosMappedInPartEqualTheirFlags) {
  const TemporaryDirectory directory;
  const std::string path = directory.File("content");
  constexpr size_t kSize = size_t{1} << 20;
  {
    const UniqueFd file(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    const std::string content(kSize, 'f');
    ASSERT_EQ(write(file.get(), content.data(), content.size()), ssize_t{kSize});
    ASSERT_EQ(fsync(file.get()), 0);
  }
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  for (const size_t pages : {2, 4, 40, 128}) {
    for (const size_t first : {0, 1, 8}) {
      auto* mapped =
          static_cast<char*>(mmap(nullptr, pages * kPageSize, PROT_READ, MAP_SHARED | MAP_POPULATE,
                                  file.get(), static_cast<off_t>(first * kPageSize)));
      ASSERT_NE(mapped, MAP_FAILED);
      ExpectReported({getpid()}, mapped, pages * kPageSize);
      munmap(mapped, pages * kPageSize);
    }
  }
}

}  // namespace
}  // namespace pagesnap
