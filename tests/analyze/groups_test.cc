// What groups of processes take, and what would be free if all of one exited.
#include <gmock/gmock.h>

#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr uint64_t kShmemFlags = 0x4828;  // UPTODATE,LRU,MMAP,SWAPBACKED
constexpr uint64_t kAnonFlags = 0x5828;   // and ANON
constexpr uint64_t kFileFlags = 0x828;    // UPTODATE,LRU,MMAP

class GroupsTest : public testing::Test {
 protected:
  GroupsTest() { machine_.SetSwaps({"/swap file 2097152 8 -2"}); }

  void Add(TreeProcess process, std::vector<TreeMapping> mappings) {
    process.mappings = std::move(mappings);
    machine_.AddProcess(process);
  }
  static TreeMapping File(const std::string& path, uint64_t inode, uint64_t first_pfn,
                          uint64_t count, uint64_t start = 0x200000) {
    TreeMapping mapping{.start = start, .pages = PresentRun(first_pfn, count), .perms = "rw-s"};
    mapping.device = "00:01";
    mapping.inode = inode;
    mapping.path = path;
    return mapping;
  }
  // Two workers of one cgroup, and a process of another.
  void AddService() {
    machine_.AddFrames(0x100, 2, kAnonFlags, 2, 7);  // of both, since fork
    machine_.AddFrames(0x110, 1, kAnonFlags, 1, 7);  // of one each
    machine_.AddFrames(0x120, 3, kAnonFlags, 1, 7);
    machine_.AddFrames(0x130, 4, kShmemFlags, 2, 7);  // a memfd of both
    machine_.AddFrames(0x140, 5, kFileFlags, 3, 7);   // a library of all three
    machine_.AddFrames(0x150, 1, kFileFlags, 3, 7);   // one that an outsider maps, too
    machine_.AddFrames(0x160, 2, 0x20000, 2, 7);      // hugetlb of both
    std::vector<uint64_t> heap = PresentRun(0x100, 2);
    heap.push_back(Swapped(0, 9));
    for (int worker = 0; worker < 2; ++worker) {
      TreeMapping mapping{.start = 0x300000, .pages = heap};
      mapping.pages.push_back(Swapped(0, 10 + static_cast<uint64_t>(worker)));
      for (const uint64_t word : PresentRun(worker == 0 ? 0x110 : 0x120, worker == 0 ? 1 : 3)) {
        mapping.pages.push_back(word);
      }
      Add({.pid = 100 + worker, .name = "worker", .cgroup = "/service"},
          {mapping, File("/memfd:x (deleted)", 6, 0x130, 4, 0x400000),
           File("/lib/c.so", 7, 0x140, 5, 0x500000), File("/lib/d.so", 8, 0x150, 1, 0x600000),
           File("/anon_hugepage (deleted)", 9, 0x160, 2, 0x700000)});
    }
    Add({.pid = 200, .name = "other", .uid = 0, .exe = "/usr/bin/other", .cgroup = "/"},
        {File("/lib/c.so", 7, 0x140, 5)});
  }
  // The rows of a report, with `sql` run on the file before.
  std::string Csv(std::vector<std::string> arguments, const std::string& sql = "SELECT 1") {
    CapturedSnapshot file(machine_.reader());
    ChangeFile(file.path(), sql);
    arguments.insert(arguments.begin() + 1, {file.path(), "--format", "csv"});
    const std::string csv = RunReport(arguments).out;
    return csv.substr(csv.find('\n') + 1);
  }
  // The groups by tree with their number of processes: "1 systemd,1".
  std::string Trees() {
    CapturedSnapshot file(machine_.reader());
    std::string trees;
    for (const std::string& row : file.Rows(
             "SELECT p.pid || ':' || group_concat(m.pid, '+') FROM (SELECT * FROM "
             "process_group('tree') ORDER BY process_id) g JOIN process p ON p.id = g.group_id "
             "JOIN process m ON m.id = g.process_id GROUP BY g.group_id ORDER BY p.pid")) {
      trees += row + " ";
    }
    return trees;
  }
  MachineTree machine_;
};

// group, process_count, rss, ram, pss, uss, swap, hugetlb, freed, pool, cached, kept, unknown,
// swap_freed. Here one frame of 4 KiB has a map count that the captured processes do not explain.
TEST_F(GroupsTest, ForkedWorkersOfACgroup) {
  AddService();
  EXPECT_THAT(Csv({"groups"}), testing::StartsWith("/service,2,112,64,55,40,12,8,40,8,0,24,0,12,"));
  EXPECT_THAT(Csv({"groups"}), HasSubstr("\n/,1,20,20,6,0,0,0,0,0,0,20,0,0,"));
  // One by one, they free nothing that they share.
  EXPECT_EQ(Csv({"exit-gain"}),
            "101,worker,12,0,0,56,0,4\r\n100,worker,4,0,0,56,0,4\r\n200,other,0,0,0,20,0,0\r\n");
  // The same as a group of both.
  EXPECT_THAT(Csv({"groups", "--by", "name"}),
              testing::StartsWith("worker,2,112,64,55,40,12,8,40,8,0,24,0,12,"));
  EXPECT_THAT(Csv({"groups", "--by", "user"}),
              HasSubstr("1000,2,112,64,55,40,12,8,40,8,0,24,0,12,"));
  EXPECT_THAT(Csv({"groups", "--by", "exe"}),
              HasSubstr("/usr/bin/server,2,112,64,55,40,12,8,40,8,0,24,0,12,"));
  // All three as one group: the library stays cached, as its file has a name.
  EXPECT_THAT(Csv({"groups"}, "UPDATE process SET cgroup = NULL"),
              testing::StartsWith(",3,132,64,62,60,12,8,40,8,20,4,0,12,"));
}

// What SwapPss of smaps counts less is the share of processes that were not captured.
TEST_F(GroupsTest, SlotsThatOutsidersHold) {
  TreeMapping mapping{.start = 0x300000};
  for (uint64_t i = 0; i < 8; ++i) mapping.pages.push_back(Swapped(0, 10 + i));
  auto groups = [&](int32_t count, uint64_t swap_pss) {
    mapping.figures = {{"Swap", 32}, {"SwapPss", swap_pss}};
    for (int32_t pid = 100; pid < 100 + count; ++pid) Add({.pid = pid}, {mapping});
    return Csv({"groups"});
  };
  EXPECT_THAT(groups(2, 16), testing::StartsWith("/,2,0,0,0,0,32,0,0,0,0,0,0,32,"));
  // Two more have half of the slots: at least that much is not freed.
  EXPECT_THAT(groups(2, 12), testing::StartsWith("/,2,0,0,0,0,32,0,0,0,0,0,0,8,"));
  EXPECT_THAT(groups(2, 8), testing::StartsWith("/,2,0,0,0,0,32,0,0,0,0,0,0,0,"));
  // Three have each slot: a third of 4 KiB, which is not a whole number of anything.
  EXPECT_THAT(groups(3, 10), testing::StartsWith("/,3,0,0,0,0,32,0,0,0,0,0,0,32,"));
}

// Who shares the address space is one process; in another group it keeps what there is.
TEST_F(GroupsTest, SharedAddressSpace) {
  machine_.AddFrames(0x100, 3, kAnonFlags, 1, 7);
  Add({.pid = 100, .cgroup = "/a"}, {{.start = 0x300000, .pages = PresentRun(0x100, 3)}});
  Add({.pid = 101, .cgroup = "/a"}, {});
  constexpr char kShare[] =
      "UPDATE process SET memory_process_id = (SELECT id FROM process WHERE pid = 100) "
      "WHERE pid = 101";
  EXPECT_THAT(Csv({"groups"}, kShare), testing::StartsWith("/a,1,12,12,12,12,0,0,12,0,0,0,0,0,"));
  Add({.pid = 101, .cgroup = "/b"}, {});
  EXPECT_THAT(Csv({"groups"}, kShare), testing::StartsWith("/a,1,12,12,12,0,0,0,0,0,0,12,0,0,"));
}

// Of what was not read the column says how many processes it is; the others are known.
TEST_F(GroupsTest, ProcessesThatWereNotRead) {
  AddService();
  EXPECT_THAT(Csv({"groups"}), HasSubstr(",0\r\n/,1,"));
  const std::string csv = Csv({"groups"}, "UPDATE process SET ended = 1 WHERE pid = 101");
  EXPECT_THAT(csv, testing::StartsWith("/service,2,52,64,"));
  EXPECT_THAT(csv, HasSubstr(",1\r\n/,1,20,20,"));
  EXPECT_THAT(Csv({"groups", "--by", "name"}, "UPDATE process SET ended = 1 WHERE pid = 200"),
              HasSubstr("other,1,,,,,,,,,,,,,"));
  // Nor does one without memory tell what the group has.
  Add({.pid = 201, .cgroup = "/"}, {});
  EXPECT_THAT(Csv({"groups"}, "UPDATE process SET ended = 1 WHERE pid = 200"),
              HasSubstr("/,2,,,,,,,,,,,,,"));
}

TEST_F(GroupsTest, HiddenPfns) {
  machine_.HidePfns();
  AddService();
  EXPECT_THAT(Csv({"groups"}), HasSubstr("/service,2,,,,,,,,,,,,,"));
}

// As everything descends from pid 1, its children are the roots.
TEST_F(GroupsTest, TreesBelowInit) {
  auto add = [&](int32_t pid, int32_t ppid, const std::string& name, uint64_t start = 5000) {
    TreeProcess process{.pid = pid, .name = name, .ppid = ppid, .start_time_ticks = start};
    process.exe = "/bin/" + name;
    process.kernel_thread = name == "kthreadd";
    machine_.AddProcess(process);
  };
  add(1, 0, "systemd", 1);
  add(2, 0, "kthreadd", 1);
  add(3, 2, "helper");  // that the kernel started
  add(10, 1, "sshd");   // a service with two sessions
  add(11, 10, "bash");
  add(12, 11, "make");
  add(20, 1, "systemd");          // --user
  add(21, 20, "editor");          // a root as well
  add(30, 99, "orphan");          // its parent was not captured
  add(40, 12, "recycled", 4000);  // older than the process with the pid of its parent
  EXPECT_EQ(Trees(), "1:1+20 2:2 3:3 10:10+11+12 21:21 30:30 40:40 ");
}

TEST_F(GroupsTest, TreesOfAContainer) {
  // The server is pid 1 itself, of which the workers are.
  for (const int32_t pid : {1, 7, 8}) {
    machine_.AddProcess({.pid = pid, .ppid = pid == 1 ? 0 : 1});
  }
  machine_.AddProcess({.pid = 9, .name = "helper", .ppid = 8, .exe = "/bin/helper"});
  EXPECT_EQ(Trees(), "1:1+7+8 9:9 ");
}

// A file may say that each of two processes is the parent of the other.
TEST_F(GroupsTest, ParentsInACircle) {
  machine_.AddProcess({.pid = 50, .ppid = 51});
  machine_.AddProcess({.pid = 51, .ppid = 50});
  EXPECT_THAT(Trees(), testing::AnyOf("50:50+51 ", "51:50+51 "));
}

TEST_F(GroupsTest, ProcessesEndWithWhatTheyTakeTogether) {
  AddService();
  CapturedSnapshot file(machine_.reader());
  constexpr char kLine[] = "note: 3 processes: 132.0 KiB RSS in 64.0 KiB of RAM\n";
  EXPECT_THAT(RunReport({"processes", file.path()}).notes, HasSubstr(kLine));
  EXPECT_THAT(RunReport({"processes", file.path(), "--limit", "1"}).notes, HasSubstr(kLine));
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{"--pid", "100"}, {"--name", "w*"}, {"--format", "csv"}}) {
    std::vector<std::string> arguments = {"processes", file.path()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_THAT(RunReport(arguments).notes, Not(HasSubstr("of RAM")));
  }
  // Damage is said, and no reason to have no rows.
  FlipBit(file.path(), "page_content", "words", 1);
  const ReportResult result = RunReport({"processes", file.path()});
  EXPECT_THAT(result.out, HasSubstr("worker"));
  EXPECT_THAT(result.notes, Not(HasSubstr("of RAM")));
}

TEST_F(GroupsTest, OtherWords) {
  AddService();
  CapturedSnapshot file(machine_.reader());
  EXPECT_THAT(ErrorOf([&] {
                RunReport({"groups", file.path(), "--by", "host"});
              }),
              HasSubstr("cgroup or user or name or exe or tree"));
  EXPECT_THAT(ErrorOf([&] { file.Rows("SELECT * FROM group_usage('host')"); }),
              HasSubstr("group_by is one of 'process', 'cgroup'"));
}

// ipcs(1) lists segments by the id that maps has as inode.
TEST_F(GroupsTest, SegmentsHaveTheirId) {
  machine_.AddFrames(0x100, 4, kShmemFlags, 2, 7);
  for (const int32_t pid : {100, 101}) {
    Add({.pid = pid}, {File("/SYSV00000000 (deleted)", 32769, 0x100, 2, 0x200000),
                       File("/SYSV00000000 (deleted)", 32770, 0x102, 2, 0x300000),
                       File("/dev/shm/SYSV", 5, 0x102, 2, 0x400000)});
  }
  CapturedSnapshot file(machine_.reader());
  EXPECT_THAT(file.Rows("SELECT shmid(path, inode) FROM file ORDER BY inode"),
              testing::ElementsAre("NULL", "32769", "32770"));
  EXPECT_THAT(RunReport({"shared-files", file.path(), "--format", "csv"}).out,
              testing::AllOf(HasSubstr("/SYSV00000000 (deleted),0x0,2,2,8,16,shmid 32769\r\n"),
                             HasSubstr(",shmid 32770\r\n")));
  EXPECT_THAT(RunReport({"maps", file.path(), "--format", "csv", "--pid", "100"}).out,
              HasSubstr(",32769,"));
}

}  // namespace
}  // namespace pagesnap
