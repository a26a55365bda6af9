// The report hugepages against AnonHugePages, ShmemPmdMapped and FilePmdMapped of smaps: this
// process maps a huge page of each kind, and captures itself.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/base/unique_fd.h"
#include "tests/live/live_testing.h"
#include "tests/support/smaps_oracle.h"

namespace pagesnap {
namespace {

constexpr size_t kHugeSize = size_t{2} << 20;
constexpr uint64_t kHugeKib = kHugeSize / 1024;
constexpr int kMadvCollapse = 25;  // Linux 6.1; newer than the headers of some distributions

// Room for a huge page between holes, so that the mapping in it stays one of its own.
class HugeRoom {
 public:
  HugeRoom() {
    area_ = mmap(nullptr, 3 * kHugeSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const auto begin = reinterpret_cast<uintptr_t>(area_);
    start_ = (begin / kHugeSize + 1) * kHugeSize;
  }
  ~HugeRoom() { munmap(area_, 3 * kHugeSize); }
  HugeRoom(const HugeRoom&) = delete;
  HugeRoom& operator=(const HugeRoom&) = delete;

  [[nodiscard]] uint64_t start() const { return start_; }
  [[nodiscard]] char* bytes() const { return reinterpret_cast<char*>(start_); }

  // Maps `fd` there, -1 for anonymous memory, and asks for huge pages.
  bool Map(int protection, int flags, int fd) const {
    void* mapped = mmap(bytes(), kHugeSize, protection, flags | MAP_FIXED, fd, 0);
    return mapped == bytes() && madvise(bytes(), kHugeSize, MADV_HUGEPAGE) == 0;
  }
  void Write() const { std::fill_n(bytes(), kHugeSize, 'w'); }
  void Read() const {
    volatile char seen = 0;
    for (size_t i = 0; i < kHugeSize; i += 4096) seen = bytes()[i];
    static_cast<void>(seen);
  }
  // Has the kernel put the pages into one huge page now; it may have done so before.
  void Collapse() const { static_cast<void>(madvise(bytes(), kHugeSize, kMadvCollapse)); }

 private:
  void* area_;
  uintptr_t start_;
};

class LiveHugepageTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
  }

  SmapsEntry Smaps() const {
    for (const SmapsEntry& entry : ReadSmaps(getpid())) {
      if (entry.start == room_.start()) return entry;
    }
    ADD_FAILURE() << "smaps has no such mapping";
    return {};
  }

  // Captures this process and compares the report's line of the room with smaps.
  void ExpectReported() {
    const TemporaryDirectory directory;
    const std::string file = directory.File("huge.pagesnap");
    CaptureProcesses({getpid()}, file);
    const SmapsEntry kernel = Smaps();
    const uint64_t kib = kernel.anon_huge_kib + kernel.shmem_huge_kib + kernel.file_huge_kib;
    ASSERT_EQ(kib, kHugeKib) << "the kernel split it meanwhile";
    size_t lines = 0;
    for (const auto& row : AnalyzeRows({"hugepages", file})) {
      if (ParseAddress(row.at("start").get<std::string>()) != room_.start()) continue;
      ++lines;
      EXPECT_EQ(row.at("thp_kib"), kib) << row;
      EXPECT_EQ(row.at("kernel_thp_kib"), kib) << row;
      EXPECT_EQ(row.at("rest_kib"), 0) << row;
    }
    EXPECT_EQ(lines, 1u);
  }

  HugeRoom room_;
};

TEST_F(LiveHugepageTest, AnonymousEqualsAnonHugePages) {
  if (!room_.Map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1)) {
    GTEST_SKIP() << "no huge pages by madvise(): " << ErrnoText(errno);
  }
  room_.Write();
  room_.Collapse();
  if (Smaps().anon_huge_kib == 0) GTEST_SKIP() << "the kernel has no huge page at hand";
  ExpectReported();
}

TEST_F(LiveHugepageTest, SharedMemoryEqualsShmemPmdMapped) {
  const UniqueFd file(memfd_create("huge", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(file.get(), kHugeSize), 0);
  if (!room_.Map(PROT_READ | PROT_WRITE, MAP_SHARED, file.get())) {
    GTEST_SKIP() << "no huge pages by madvise(): " << ErrnoText(errno);
  }
  room_.Write();
  // Whatever shmem_enabled is (mm/khugepaged.c, madvise_collapse).
  room_.Collapse();
  if (Smaps().shmem_huge_kib == 0) {
    GTEST_SKIP() << "the kernel gives shared memory no huge page, or has none at hand";
  }
  ExpectReported();
}

// A file system with large folios keeps what is written at once in one (mm/filemap.c); others need
// CONFIG_READ_ONLY_THP_FOR_FS, and a mapping that is executable.
TEST_F(LiveHugepageTest, FileEqualsFilePmdMapped) {
  const TemporaryDirectory directory;
  const std::string path = directory.File("huge");
  {
    const UniqueFd file(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0700));
    const std::string content(kHugeSize, 'f');
    ASSERT_EQ(write(file.get(), content.data(), content.size()), ssize_t{kHugeSize});
    ASSERT_EQ(fsync(file.get()), 0);
  }
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!room_.Map(PROT_READ | PROT_EXEC, MAP_PRIVATE, file.get())) {
    GTEST_SKIP() << "no huge pages by madvise(): " << ErrnoText(errno);
  }
  room_.Read();
  room_.Collapse();
  room_.Read();
  if (Smaps().file_huge_kib == 0) {
    GTEST_SKIP() << "the kernel gives files of this file system no huge page, or has none at hand";
  }
  ExpectReported();
}

}  // namespace
}  // namespace pagesnap
