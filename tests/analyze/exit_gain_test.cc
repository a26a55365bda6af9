// What exit-gain and reclaim say of memory whose kind the cases in report_rows_test do not have.
#include <gmock/gmock.h>

#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

constexpr uint64_t kShmemFlags = 0x4828;  // UPTODATE,LRU,MMAP,SWAPBACKED
constexpr uint64_t kAnonFlags = 0x5828;   // and ANON

class ExitGainTest : public testing::Test {
 protected:
  ExitGainTest() { machine_.SetSwaps({"/swap file 2097152 8 -2"}); }

  static TreeMapping File(const std::string& path, uint64_t inode, uint64_t first_pfn,
                          uint64_t count, uint64_t start = 0x200000) {
    TreeMapping mapping{.start = start, .pages = PresentRun(first_pfn, count), .perms = "rw-s"};
    mapping.device = "00:01";
    mapping.inode = inode;
    mapping.path = path;
    return mapping;
  }
  void Add(int32_t pid, std::vector<TreeMapping> mappings) {
    TreeProcess process{.pid = pid};
    process.mappings = std::move(mappings);
    machine_.AddProcess(process);
  }
  // The rows of a report, with `sql` run on the file before.
  std::string Csv(std::vector<std::string> arguments, const std::string& sql = "SELECT 1") {
    CapturedSnapshot file(machine_.reader());
    ChangeFile(file.path(), sql);
    arguments.insert(arguments.begin() + 1, {file.path(), "--format", "csv"});
    const std::string csv = RunReport(arguments).out;
    return csv.substr(csv.find('\n') + 1);
  }
  MachineTree machine_;
};

// freed, pool, cached, kept, unknown, swap.
TEST_F(ExitGainTest, SharedMemoryOfOneProcess) {
  machine_.AddFrames(0x100, 16, kShmemFlags, 1, 7);
  Add(100, {File("/dev/zero (deleted)", 5, 0x100, 4, 0x200000),
            File("/memfd:x (deleted)", 6, 0x104, 3, 0x300000),
            File("/dev/shm/named", 7, 0x107, 2, 0x400000),
            File("/SYSV00000000 (deleted)", 8, 0x109, 1, 0x500000)});
  EXPECT_EQ(Csv({"exit-gain"}), "100,server,28,0,8,0,4,0\r\n");
  // The file says whether a segment still has a name.
  EXPECT_EQ(Csv({"exit-gain"}, "UPDATE file SET link_count = 1 WHERE path GLOB '/SYSV*'"),
            "100,server,28,0,12,0,0,0\r\n");
  EXPECT_EQ(Csv({"exit-gain"}, "UPDATE file SET link_count = 0 WHERE path GLOB '/SYSV*'"),
            "100,server,32,0,8,0,0,0\r\n");
  EXPECT_EQ(Csv({"exit-gain", "--path", "/memfd:*"}), "100,server,12,0,0,0,0,0\r\n");
  // Who has the same address space keeps it.
  Add(101, {});
  EXPECT_EQ(Csv({"exit-gain", "--pid", "100"},
                "UPDATE process SET memory_process_id = (SELECT id FROM process WHERE pid = 100) "
                "WHERE pid = 101"),
            "100,server,0,0,0,40,0,0\r\n");
}

// A process that maps the memory and touched other pages of it keeps all of them.
TEST_F(ExitGainTest, SharedMemoryOfTwoProcesses) {
  machine_.AddFrames(0x100, 16, kShmemFlags, 1, 7);
  Add(100, {File("/dev/zero (deleted)", 5, 0x100, 4),
            File("/memfd:x (deleted)", 6, 0x108, 1, 0x300000)});
  Add(101, {File("/dev/zero (deleted)", 5, 0x104, 2)});
  EXPECT_EQ(Csv({"exit-gain"}), "100,server,4,0,0,16,0,0\r\n101,server,0,0,0,8,0,0\r\n");
}

// The heap of ZGC: each frame at three addresses of one process.
TEST_F(ExitGainTest, OneFrameInThreeMappings) {
  machine_.AddFrames(0x100, 4, kShmemFlags, 3, 7);
  Add(100, {File("/memfd:java_heap (deleted)", 5, 0x100, 4, 0x200000),
            File("/memfd:java_heap (deleted)", 5, 0x100, 4, 0x300000),
            File("/memfd:java_heap (deleted)", 5, 0x100, 4, 0x400000)});
  EXPECT_EQ(Csv({"exit-gain"}), "100,server,16,0,0,0,0,0\r\n");
  EXPECT_EQ(Csv({"reclaim"}), "100,server,,,16,0,0,16,0,0,0,16\r\n");
  EXPECT_EQ(Csv({"reclaim", "--by", "mapping"}).substr(0, 40),
            "100,server,0x200000,/memfd:java_heap (de");
}

TEST_F(ExitGainTest, HugetlbGoesBackToThePool) {
  machine_.AddFrames(0x200, 1, 0x20000 | 0x1000, 1, 7);  // HUGE,ANON
  machine_.AddFrames(0x201, 3, 0x20000, 1, 7);
  Add(100, {File("/anon_hugepage (deleted)", 5, 0x200, 2, 0x200000),
            File("/mnt/huge/a", 6, 0x202, 2, 0x400000)});
  EXPECT_EQ(Csv({"exit-gain"}), "100,server,0,8,8,0,0,0\r\n");
  // Surplus pages are freed instead.
  EXPECT_EQ(Csv({"exit-gain"},
                "INSERT INTO system_fact VALUES (1, 'meminfo.HugePages_Surp', '1'), "
                "(1, 'meminfo.Hugepagesize_kib', '4')"),
            "100,server,4,4,8,0,0,0\r\n");
  EXPECT_EQ(Csv({"reclaim"}), "100,server,,,16,0,0,0,16,0,0,0\r\n");
}

// Where somebody who was not captured maps a page of it, all of the file stays.
TEST_F(ExitGainTest, SharedMemoryThatOthersMapInPart) {
  machine_.AddFrames(0x100, 3, kShmemFlags, 1, 7);
  machine_.AddFrames(0x103, 1, kShmemFlags, 2, 7);
  machine_.AddFrames(0x110, 2, kAnonFlags, 1, 7);
  TreeMapping copies = File("/dev/zero (deleted)", 5, 0x110, 2, 0x300000);
  copies.perms = "rw-p";
  Add(100, {File("/dev/zero (deleted)", 5, 0x100, 4), copies});
  EXPECT_EQ(Csv({"exit-gain"}), "100,server,8,0,0,16,0,0\r\n");
  machine_.AddFrames(0x103, 1, kShmemFlags, 1, 7);
  EXPECT_EQ(Csv({"exit-gain"}), "100,server,24,0,0,0,0,0\r\n");
}

// Copies of a private mapping are no part of the file.
TEST_F(ExitGainTest, CopiesOfAFileThatIsMappedInPart) {
  machine_.AddFrames(0x100, 3, kShmemFlags, 1, 7);
  machine_.AddFrames(0x110, 2, kAnonFlags, 1, 7);
  TreeMapping memfd = File("/memfd:x (deleted)", 6, 0x100, 5);
  memfd.perms = "rw-p";
  memfd.pages[3] = Present(0x110);
  memfd.pages[4] = Present(0x111);
  memfd.figures = {{"Swap", 0}};
  Add(100, {memfd});
  EXPECT_EQ(Csv({"exit-gain"}, "UPDATE file SET block_count = 64"), "100,server,40,0,0,0,0,0\r\n");
  EXPECT_EQ(Csv({"reclaim"}, "UPDATE file SET block_count = 64").substr(0, 16), "100,server,,,20,");
}

// What a file without a name has beside the pages that are mapped: here five of eight.
TEST_F(ExitGainTest, FilesThatAreMappedInPart) {
  constexpr char kEightPages[] = "UPDATE file SET block_count = 64 WHERE path GLOB '/memfd:*'";
  machine_.AddFrames(0x100, 16, kShmemFlags, 1, 7);
  machine_.AddFrames(0x202, 3, 0x20000, 1, 7);
  TreeMapping memfd = File("/memfd:x (deleted)", 6, 0x104, 3);
  Add(100, {memfd});
  // The machine has swap, and smaps does not say how much of the file is there.
  EXPECT_EQ(Csv({"exit-gain"}, kEightPages), "100,server,12,0,0,0,20,0\r\n");
  memfd.figures = {{"Swap", 4}};
  Add(100, {memfd});
  EXPECT_EQ(Csv({"exit-gain"}, kEightPages), "100,server,12,0,0,0,20,0\r\n");
  memfd.figures = {{"Swap", 0}};
  Add(100, {memfd});
  EXPECT_EQ(Csv({"exit-gain"}, kEightPages), "100,server,32,0,0,0,0,0\r\n");
  EXPECT_EQ(Csv({"exit-gain", "--path", "/x"}, kEightPages), "");
  // Its size as an older file has it, and that of a file that has a name.
  EXPECT_EQ(Csv({"exit-gain"}), "100,server,12,0,0,0,0,0\r\n");
  // Mapped twice, the same file counts once.
  TreeMapping again = memfd;
  again.start = 0x900000;
  Add(100, {memfd, again});
  machine_.AddFrames(0x104, 3, kShmemFlags, 2, 7);
  EXPECT_EQ(Csv({"exit-gain"}, kEightPages), "100,server,32,0,0,0,0,0\r\n");
  // Somebody who was not captured maps it, and somebody who was.
  Add(100, {memfd});
  EXPECT_EQ(Csv({"exit-gain"}, kEightPages), "100,server,0,0,0,12,0,0\r\n");
  machine_.AddFrames(0x104, 3, kShmemFlags, 1, 7);
  Add(101, {File("/memfd:x (deleted)", 6, 0x108, 1)});
  EXPECT_EQ(Csv({"exit-gain"}, kEightPages),
            "100,server,0,0,0,12,0,0\r\n101,server,0,0,0,4,0,0\r\n");
  Add(101, {});
  // Of huge pages it is the pool's; and nobody can tell of what kind pages are that are not mapped.
  TreeMapping huge = File("/memfd:y (deleted)", 7, 0x202, 3);
  huge.figures = {{"Swap", 0}};
  Add(100, {huge});
  EXPECT_EQ(Csv({"exit-gain", "--pid", "100"}, kEightPages), "100,server,0,32,0,0,0,0\r\n");
  huge.pages.assign(3, 0);
  Add(100, {huge});
  EXPECT_EQ(Csv({"exit-gain", "--pid", "100"}, kEightPages), "100,server,0,0,0,0,32,0\r\n");
}

// SwapPss of smaps is half of what is in swap: a process that was not captured holds half of the
// slots or, with one more user each, all of them.
TEST_F(ExitGainTest, SlotsThatOthersHold) {
  TreeMapping mapping{.start = 0x300000};
  for (uint64_t i = 0; i < 8; ++i) mapping.pages.push_back(Swapped(0, 10 + i));
  mapping.figures = {{"Swap", 32}, {"SwapPss", 32}};
  Add(100, {mapping});
  EXPECT_EQ(Csv({"exit-gain"}), "100,server,0,0,0,0,0,32\r\n");
  mapping.figures = {{"Swap", 32}, {"SwapPss", 24}};
  Add(100, {mapping});
  EXPECT_EQ(Csv({"exit-gain"}), "100,server,0,0,0,0,0,16\r\n");
  mapping.figures = {{"Swap", 32}, {"SwapPss", 16}};
  Add(100, {mapping});
  EXPECT_EQ(Csv({"exit-gain"}), "100,server,0,0,0,0,0,0\r\n");
  mapping.figures = {{"Swap", 32}, {"SwapPss", 8}};  // three more users
  Add(100, {mapping});
  EXPECT_EQ(Csv({"exit-gain"}), "100,server,0,0,0,0,0,0\r\n");
}

// A frame in the swap cache that is not exclusive may be another's, too.
TEST_F(ExitGainTest, SwapCache) {
  constexpr uint64_t kCached = kAnonFlags | uint64_t{1} << 13;
  machine_.AddFrames(0x100, 1, kCached, 1, 7);
  machine_.AddFrames(0x101, 1, kCached | uint64_t{1} << 34, 1, 7);
  machine_.AddFrames(0x102, 1, kCached, 1, 7);
  Add(100, {{.start = 0x300000, .pages = PresentRun(0x100, 3)}});
  EXPECT_EQ(Csv({"exit-gain"}), "100,server,4,0,0,0,8,0\r\n");
  Add(101, {{.start = 0x300000, .pages = {Swapped(0, 1), Swapped(0, 2)}}});
  EXPECT_EQ(Csv({"exit-gain", "--pid", "100"}), "100,server,4,0,0,4,4,0\r\n");
}

// present, clean, dirty, swap, locked, unreclaimable, rest, cold.
TEST_F(ExitGainTest, DriverPagesAreNotReclaimable) {
  machine_.AddFrames(0x100, 4, 0x800, 1, 0);                       // MMAP
  machine_.AddFrames(0x104, 1, 0x800 | uint64_t{1} << 32, 30, 0);  // RESERVED
  machine_.AddFrames(0x105, 2, 0x838 | uint64_t{1} << 18 | uint64_t{1} << 33, 1, 0);
  machine_.AddFrames(0x107, 1, 0x828, 1, 0);
  Add(100,
      {File("socket:[7]", 7, 0x100, 2, 0x200000),
       File("anon_inode:[io_uring]", 8, 0x102, 2, 0x300000), File("[vdso]", 0, 0x104, 1, 0x400000),
       File("/secretmem (deleted)", 9, 0x105, 2, 0x500000),
       File("/bin/a", 10, 0x107, 1, 0x600000)});
  EXPECT_EQ(Csv({"reclaim"}), "100,server,,,32,4,0,0,8,20,0,4\r\n");
  EXPECT_EQ(Csv({"exit-gain"}), "100,server,24,0,4,4,0,0\r\n");
}

// Written again since MADV_FREE, which page tables know, and smaps: that is for swap, and the
// frames that were active anyway are not what was written.
TEST_F(ExitGainTest, MemoryGivenUpAndWrittenAgain) {
  constexpr uint64_t kLazyFree = 0x1828;  // UPTODATE,LRU,MMAP,ANON
  machine_.AddFrames(0x100, 6, kLazyFree, 1, 7);
  machine_.AddFrames(0x106, 2, kLazyFree | 0x40, 1, 7);  // ACTIVE
  machine_.AddFrames(0x110, 2, kAnonFlags, 1, 7);
  TreeMapping given_up{.start = 0x200000, .pages = PresentRun(0x100, 8)};
  for (const uint64_t word : PresentRun(0x110, 2)) given_up.pages.push_back(word);
  auto reclaim = [&](std::vector<std::pair<std::string, uint64_t>> figures) {
    given_up.figures = std::move(figures);
    Add(100, {given_up});
    return Csv({"reclaim"});
  };
  EXPECT_EQ(reclaim({{"Rss", 40}, {"LazyFree", 32}}), "100,server,,,40,32,0,8,0,0,0,32\r\n");
  EXPECT_EQ(reclaim({{"Rss", 40}, {"LazyFree", 12}}), "100,server,,,40,12,0,28,0,0,0,12\r\n");
  EXPECT_EQ(reclaim({{"Rss", 40}, {"LazyFree", 0}}), "100,server,,,40,0,0,40,0,0,0,8\r\n");
  // Unknown, as before 4.12; and more than there is, which is of another moment.
  EXPECT_EQ(reclaim({{"Rss", 40}}), "100,server,,,40,32,0,8,0,0,0,32\r\n");
  EXPECT_EQ(reclaim({{"Rss", 40}, {"LazyFree", 36}}), "100,server,,,40,32,0,8,0,0,0,32\r\n");
}

}  // namespace
}  // namespace pagesnap
