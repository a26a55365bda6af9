// What `diff` says of pages that a fork and swap touch: this process forks, writes to known pages,
// and captures itself and the child.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/live/comparison_testing.h"
#include "tests/live/live_testing.h"
#include "tests/support/smaps_oracle.h"

namespace pagesnap {
namespace {

constexpr size_t kPages = 64;
constexpr size_t kBytes = kPages * kPageSize;
constexpr int kPageOut = 21;  // MADV_PAGEOUT, missing in older headers

class LiveForkChangeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
  }
  ~LiveForkChangeTest() override {
    if (memory_ != nullptr) munmap(around_, kBytes + 2 * kPageSize);
  }

  // Returns memory that stands alone, each page written to.
  char* Touched(int sharing) {
    around_ = static_cast<char*>(mmap(nullptr, kBytes + 2 * kPageSize, PROT_NONE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    memory_ = around_ + kPageSize;
    mmap(memory_, kBytes, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    madvise(memory_, kBytes, MADV_NOHUGEPAGE);
    Write(0, kPages);
    return memory_;
  }
  void Write(size_t first, size_t end) const {
    for (size_t i = first; i < end; ++i) *const_cast<volatile char*>(memory_ + i * kPageSize) = 1;
  }

  // Returns "class pages" of the memory in a process.
  std::vector<std::string> Classes(pid_t pid) {
    const auto first = reinterpret_cast<uintptr_t>(memory_) / kPageSize;
    std::vector<std::string> classes;
    for (const auto& row :
         AnalyzeRows({"sql", before_, after_,
                      fmt::format("SELECT change, SUM(page_count) AS pages FROM page_change(1, 2) "
                                  "JOIN process p ON p.id = after_process_id WHERE p.pid = {} AND "
                                  "after_page BETWEEN {} AND {} GROUP BY change ORDER BY change",
                                  pid, first, first + kPages - 1)})) {
      classes.push_back(
          fmt::format("{} {}", row["change"].get<std::string>(), row["pages"].get<int64_t>()));
    }
    return classes;
  }
  // Returns the KiB of the memory that smaps says are in swap.
  [[nodiscard]] uint64_t SwapKib() const {
    for (const SmapsEntry& entry : ReadSmaps(getpid())) {
      if (entry.start == reinterpret_cast<uintptr_t>(memory_)) return entry.swap_kib;
    }
    return 0;
  }
  // Has the kernel swap these pages out; it skips what is busy, so that it is asked again.
  [[nodiscard]] bool PageOut(size_t pages) const {
    for (int attempt = 0; attempt < 200 && SwapKib() < pages * kPageSize / 1024; ++attempt) {
      madvise(memory_, pages * kPageSize, kPageOut);
      usleep(10000);
    }
    return SwapKib() == pages * kPageSize / 1024;
  }

  TemporaryDirectory directory_;
  std::string before_ = directory_.File("before");
  std::string after_ = directory_.File("after");
  char* around_ = nullptr;
  char* memory_ = nullptr;
};

TEST_F(LiveForkChangeTest, PagesThatParentAndChildWroteTo) {
  Touched(MAP_PRIVATE);
  CaptureProcesses({getpid()}, before_);
  int ready[2];
  int end[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(end), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  char byte = 'r';
  if (child == 0) {
    close(end[1]);
    Write(16, 40);
    if (write(ready[1], &byte, 1) == 1 && read(end[0], &byte, 1) == 0) _exit(0);
    _exit(1);
  }
  close(end[0]);
  close(ready[1]);
  EXPECT_EQ(read(ready[0], &byte, 1), 1);
  Write(0, 16);
  CaptureProcesses({getpid(), child}, after_);
  EXPECT_THAT(Classes(getpid()), testing::ElementsAre("copied_on_write 16", "unchanged 48"));
  EXPECT_THAT(Classes(child), testing::ElementsAre("faulted_in 24", "inherited 40"));
  ExpectComparisonRules(before_, after_);
  close(end[1]);
  close(ready[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(LiveForkChangeTest, SharedMemoryThatWentToSwapWasNotDropped) {
  const SwapFile swap;
  if (!swap.available()) GTEST_SKIP() << swap.reason();
  Touched(MAP_SHARED);
  CaptureProcesses({getpid()}, before_);
  if (!PageOut(16)) GTEST_SKIP() << "the kernel does not swap these pages out";
  CaptureProcesses({getpid()}, after_);
  EXPECT_THAT(Classes(getpid()), testing::ElementsAre("swapped_out 16", "unchanged 48"));
  // Of those that it does not map any more, which are in swap cannot be told.
  madvise(memory_ + 32 * kPageSize, 8 * kPageSize, MADV_DONTNEED);
  after_ = directory_.File("later");
  CaptureProcesses({getpid()}, after_);
  EXPECT_THAT(Classes(getpid()), testing::ElementsAre("maybe_swapped_out 24", "unchanged 40"));
  ExpectComparisonRules(before_, after_);
}

TEST_F(LiveForkChangeTest, SharedMemoryThatIsNotMappedAnyMoreWasDropped) {
  Touched(MAP_SHARED);
  CaptureProcesses({getpid()}, before_);
  madvise(memory_, 8 * kPageSize, MADV_DONTNEED);
  CaptureProcesses({getpid()}, after_);
  EXPECT_THAT(Classes(getpid()), testing::ElementsAre("dropped 8", "unchanged 56"));
}

}  // namespace
}  // namespace pagesnap
