// PAGEMAP_SCAN finds what only a changed machine can show: pages in a swap file, huge pages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <thread>

#include "lib/kernel/page_word.h"
#include "lib/proc/directory_reader.h"
#include "tests/support/live_machine.h"

namespace pagesnap {
namespace {

using ::testing::ElementsAre;

constexpr uint64_t kPage = 4096;
constexpr uint64_t kHugeBytes = uint64_t{2} << 20;

class LiveMachineScanTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "swap files and huge pages are for root alone";
    std::vector<PageRange> ranges;
    if (!pagemap_->Scan(ScanFor::kPopulated, 0, 1, kPage, &ranges)) {
      GTEST_SKIP() << "this kernel has no PAGEMAP_SCAN (before 6.7)";
    }
  }
  void TearDown() override {
    if (memory_ != MAP_FAILED) munmap(memory_, bytes_);
  }
  char* Map(uint64_t bytes, int flags) {
    bytes_ = bytes;
    memory_ =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return memory_ == MAP_FAILED ? nullptr : static_cast<char*>(memory_);
  }
  [[nodiscard]] uint64_t first() const { return reinterpret_cast<uint64_t>(memory_) / kPage; }
  // Returns the populated pages, counted from the first of the memory.
  std::vector<PageRange> Find() {
    std::vector<PageRange> ranges;
    pagemap_->Scan(ScanFor::kPopulated, first(), first() + bytes_ / kPage, kPage, &ranges);
    for (PageRange& range : ranges) {
      range.first -= first();
      range.end -= first();
    }
    return ranges;
  }

  DirectoryReader reader_{"/"};
  std::unique_ptr<WordFile> pagemap_ = reader_.OpenWords("proc/self/pagemap");
  void* memory_ = MAP_FAILED;
  uint64_t bytes_ = 0;
};

TEST_F(LiveMachineScanTest, PagesInSwapAreFound) {
  const SwapFile swap;
  if (!swap.available()) GTEST_SKIP() << swap.reason();
  char* memory = Map(64 * kPage, 0);
  ASSERT_NE(memory, nullptr);
  for (int page : {3, 4, 30}) memset(memory + page * kPage, page, kPage);
  uint64_t word = 0;
  for (int i = 0; i < 100 && !PageWord(word).swap_format(); ++i) {
    for (int page : {3, 4, 30}) madvise(memory + page * kPage, kPage, MADV_PAGEOUT);
    pagemap_->Read(first() + 30, std::span(&word, 1));
    if (!PageWord(word).swap_format()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (!PageWord(word).swap_format()) GTEST_SKIP() << "the kernel swaps nothing out";
  EXPECT_THAT(Find(), ElementsAre(PageRange{3, 5}, PageRange{30, 31}));
}

TEST_F(LiveMachineScanTest, HugePagesAreFound) {
  const HugetlbPool pool(1);
  if (!pool.available()) GTEST_SKIP() << pool.reason();
  char* memory = Map(2 * kHugeBytes, MAP_HUGETLB | MAP_NORESERVE);
  ASSERT_NE(memory, nullptr);
  memory[kHugeBytes] = 1;
  EXPECT_THAT(Find(), ElementsAre(PageRange{512, 1024}));
}

}  // namespace
}  // namespace pagesnap
