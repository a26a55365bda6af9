// PAGEMAP_SCAN: both traps of the kernel against a fake of it, and the kernel that runs the tests.
#include "lib/proc/pagemap_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <random>
#include <set>

#include "lib/proc/directory_reader.h"

namespace pagesnap {

// For messages of gtest.
void PrintTo(const PageRange& range, std::ostream* out) {
  *out << "[" << range.first << ", " << range.end << ")";
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kPage = 4096;
constexpr size_t kKernelRegions = 512;  // that the kernel collects in one inner walk

// What do_pagemap_scan() does for an address space with the given pages.
class FakeKernel {
 public:
  enum class WalkEnd {
    kHonest,       // where the walk stopped
    kStale,        // when the vector is full: of the inner walk before the last
    kStart,        // when the vector is full: not moved at all
    kAlwaysStart,  // never moved
  };

  explicit FakeKernel(std::set<uint64_t> pages, WalkEnd walk_end = WalkEnd::kHonest)
      : pages_(std::move(pages)), walk_end_(walk_end) {}

  ScanCall call() {
    return [this](uint64_t start, uint64_t end, size_t most) {
      calls_.push_back({start / kPage, end / kPage});
      most_asked_ = std::max(most_asked_, most);
      return Scan(start / kPage, end / kPage, most);
    };
  }
  [[nodiscard]] const std::vector<PageRange>& calls() const { return calls_; }
  [[nodiscard]] size_t most_asked() const { return most_asked_; }

 private:
  ScanResult Scan(uint64_t first, uint64_t end, size_t most) const {
    ScanResult result;
    result.walk_end = end * kPage;
    uint64_t inner_end = first;  // what the inner walk before the last one reported
    for (auto it = pages_.lower_bound(first); it != pages_.end() && *it < end; ++it) {
      if (!result.regions.empty() && result.regions.back().end == *it * kPage) {
        result.regions.back().end += kPage;
        continue;
      }
      if (result.regions.size() == most) {
        result.walk_end = *it * kPage;
        if (walk_end_ == WalkEnd::kStale) result.walk_end = inner_end * kPage;
        if (walk_end_ == WalkEnd::kStart) result.walk_end = first * kPage;
        break;
      }
      if (result.regions.size() % kKernelRegions == kKernelRegions / 2) inner_end = *it;
      result.regions.push_back({*it * kPage, (*it + 1) * kPage});
    }
    if (walk_end_ == WalkEnd::kAlwaysStart) result.walk_end = first * kPage;
    return result;
  }

  std::set<uint64_t> pages_;
  WalkEnd walk_end_;
  std::vector<PageRange> calls_;
  size_t most_asked_ = 0;
};

std::vector<PageRange> Scan(FakeKernel& kernel, uint64_t first, uint64_t end) {
  std::vector<PageRange> ranges;
  ScanPages(kernel.call(), kPage, first, end, &ranges);
  return ranges;
}

std::vector<PageRange> SinglePages(const std::set<uint64_t>& pages) {
  std::vector<PageRange> ranges;
  for (uint64_t page : pages) ranges.push_back({page, page + 1});
  return ranges;
}

// Every second page, so that no two touch.
std::set<uint64_t> Isolated(uint64_t first, uint64_t count) {
  std::set<uint64_t> pages;
  for (uint64_t i = 0; i < count; ++i) pages.insert(first + 2 * i);
  return pages;
}

class ScanPagesTest : public testing::TestWithParam<FakeKernel::WalkEnd> {};

// The first trap: a full result whose walk_end lies before regions that were returned.
TEST_P(ScanPagesTest, EachPageOnceWhateverWalkEndSays) {
  for (uint64_t count : {0, 1, 511, 512, 513, 1024, 1025, 3000}) {
    SCOPED_TRACE(count);
    const std::set<uint64_t> pages = Isolated(1000, count);
    FakeKernel kernel(pages, GetParam());
    EXPECT_EQ(Scan(kernel, 900, 900 + kPagesPerScan / 2), SinglePages(pages));
    EXPECT_LE(kernel.calls().size(), count / kKernelRegions + 1);
  }
}

// The second trap: room for more than the kernel collects at a time.
TEST_P(ScanPagesTest, NeverAsksForMoreThanOneInnerWalk) {
  FakeKernel kernel(Isolated(0, 5000), GetParam());
  Scan(kernel, 0, kPagesPerScan);
  EXPECT_EQ(kernel.most_asked(), kKernelRegions);
}

TEST_P(ScanPagesTest, RandomPages) {
  std::mt19937_64 random(3);
  std::set<uint64_t> pages;
  while (pages.size() < 4000) pages.insert(random() % (3 * kPagesPerScan));
  FakeKernel kernel(pages, GetParam());
  std::set<uint64_t> found;
  uint64_t last_end = 0;
  for (const PageRange& range : Scan(kernel, 0, 3 * kPagesPerScan)) {
    EXPECT_TRUE(found.empty() || range.first > last_end) << "not joined, or twice";
    last_end = range.end;
    for (uint64_t page = range.first; page < range.end; ++page) found.insert(page);
  }
  EXPECT_EQ(found, pages);
}

TEST_P(ScanPagesTest, NoCallLooksAtMoreThanTheSpan) {
  std::set<uint64_t> pages = Isolated(5, 600);
  pages.merge(Isolated(5 * kPagesPerScan, 100));
  FakeKernel kernel(pages, GetParam());
  EXPECT_EQ(Scan(kernel, 3, 10 * kPagesPerScan), SinglePages(pages));
  for (const PageRange& call : kernel.calls()) {
    EXPECT_LE(call.end - call.first, kPagesPerScan);
    EXPECT_LT(call.first, call.end);
    EXPECT_LE(call.end, 10 * kPagesPerScan);
  }
}

INSTANTIATE_TEST_SUITE_P(WalkEnds, ScanPagesTest,
                         testing::Values(FakeKernel::WalkEnd::kHonest, FakeKernel::WalkEnd::kStale,
                                         FakeKernel::WalkEnd::kStart,
                                         FakeKernel::WalkEnd::kAlwaysStart));

TEST(ScanPagesTest, RangesAreJoinedAcrossCalls) {
  std::set<uint64_t> pages;
  for (uint64_t page = kPagesPerScan - 3; page < kPagesPerScan + 2; ++page) pages.insert(page);
  FakeKernel kernel(pages);
  EXPECT_THAT(Scan(kernel, 0, 2 * kPagesPerScan),
              ElementsAre(PageRange{kPagesPerScan - 3, kPagesPerScan + 2}));
  EXPECT_EQ(kernel.calls().size(), 2);
}

TEST(ScanPagesTest, AppendsToWhatIsThere) {
  FakeKernel kernel({10, 20});
  std::vector<PageRange> ranges = {{2, 10}};
  ScanPages(kernel.call(), kPage, 10, 30, &ranges);
  EXPECT_THAT(ranges, ElementsAre(PageRange{2, 11}, PageRange{20, 21}));
}

// A kernel that fills the vector and reports no way forward must not hold us for ever.
TEST(ScanPagesTest, NoProgressEnds) {
  uint64_t calls = 0;
  auto stuck = [&](uint64_t start, uint64_t, size_t most) {
    ++calls;
    ScanResult result;
    result.regions.assign(most, {start, start});
    return result;
  };
  std::vector<PageRange> ranges;
  ScanPages(stuck, kPage, 0, 10, &ranges);
  EXPECT_LE(calls, 10);
}

TEST(ScanPagesTest, NothingToScanCallsNobody) {
  FakeKernel kernel({5});
  EXPECT_THAT(Scan(kernel, 5, 5), IsEmpty());
  EXPECT_THAT(kernel.calls(), IsEmpty());
}

// Addresses of this process, given back at the end.
class Area {
 public:
  explicit Area(uint64_t bytes)
      : bytes_(bytes),
        address_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    // Else one touch may populate 512 pages.
    if (valid()) madvise(address_, bytes, MADV_NOHUGEPAGE);
  }
  ~Area() {
    if (valid()) munmap(address_, bytes_);
  }
  Area(const Area&) = delete;
  Area& operator=(const Area&) = delete;

  [[nodiscard]] bool valid() const { return address_ != MAP_FAILED; }
  [[nodiscard]] uint64_t first() const { return reinterpret_cast<uint64_t>(address_) / kPage; }
  [[nodiscard]] uint64_t page_count() const { return bytes_ / kPage; }
  [[nodiscard]] volatile char* Page(uint64_t index) const {
    return static_cast<volatile char*>(address_) + index * kPage;
  }

 private:
  uint64_t bytes_;
  void* address_;
};

class LiveScanTest : public testing::Test {
 protected:
  void SetUp() override {
    if (sysconf(_SC_PAGESIZE) != static_cast<long>(kPage)) GTEST_SKIP() << "pages are not 4 KiB";
    std::vector<PageRange> ranges;
    if (!pagemap_->Scan(ScanFor::kPopulated, 0, 1, kPage, &ranges)) {
      GTEST_SKIP() << "this kernel has no PAGEMAP_SCAN (before 6.7)";
    }
  }
  // Returns the populated pages, counted from the first of the area.
  std::vector<PageRange> Find(const Area& area) {
    std::vector<PageRange> ranges;
    pagemap_->Scan(ScanFor::kPopulated, area.first(), area.first() + area.page_count(), kPage,
                   &ranges);
    for (PageRange& range : ranges) {
      range.first -= area.first();
      range.end -= area.first();
    }
    return ranges;
  }

  DirectoryReader reader_{"/"};
  std::unique_ptr<WordFile> pagemap_ = reader_.OpenWords("proc/self/pagemap");
};

void TouchAndExpect(const Area& area, uint64_t count,
                    const std::function<std::vector<PageRange>()>& find) {
  std::mt19937_64 random(11);
  std::set<uint64_t> pages;
  while (pages.size() < count) {
    const uint64_t page = random() % area.page_count();
    if (pages.contains(page + 1) || (page > 0 && pages.contains(page - 1))) continue;
    pages.insert(page);
  }
  for (uint64_t page : pages) *area.Page(page) = 1;
  EXPECT_EQ(find(), SinglePages(pages));
}

TEST_F(LiveScanTest, AThousandPagesInATebibyte) {
  const Area area(uint64_t{1} << 40);
  if (!area.valid()) GTEST_SKIP() << "no TiB of addresses here";
  TouchAndExpect(area, 1000, [&] { return Find(area); });
}

TEST_F(LiveScanTest, ThreeThousandIsolatedPagesInAGibibyte) {
  const Area area(uint64_t{1} << 30);
  ASSERT_TRUE(area.valid());
  TouchAndExpect(area, 3000, [&] { return Find(area); });
}

TEST_F(LiveScanTest, ZeroPagesAreFound) {
  const Area area(uint64_t{1} << 24);
  static_cast<void>(*area.Page(7));  // a read gets the zero page
  *area.Page(9) = 1;
  EXPECT_THAT(Find(area), ElementsAre(PageRange{7, 8}, PageRange{9, 10}));
}

TEST_F(LiveScanTest, GuardPagesAreFound) {
  constexpr int kGuardInstall = 102;  // MADV_GUARD_INSTALL, Linux 6.13
  const Area area(uint64_t{1} << 24);
  if (madvise(const_cast<char*>(area.Page(20)), 2 * kPage, kGuardInstall) != 0) {
    GTEST_SKIP() << "this kernel has no guard pages (before 6.13)";
  }
  EXPECT_THAT(Find(area), ElementsAre(PageRange{20, 22}));
}

TEST_F(LiveScanTest, WhatIsNoPagemapSaysSo) {
  std::vector<PageRange> ranges;
  EXPECT_FALSE(
      reader_.OpenWords("proc/self/maps")->Scan(ScanFor::kPopulated, 0, 1, kPage, &ranges));
}

}  // namespace
}  // namespace pagesnap
