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
  EXPECT_EQ(Csv({"reclaim"}), "100,server,,,16,0,0,0,16,0,0,0\r\n");
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

}  // namespace
}  // namespace pagesnap
