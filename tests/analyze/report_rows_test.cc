// What the reports say about memory that the sample machine has not.
#include <gmock/gmock.h>

#include "lib/kernel/frame_flags.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {
namespace {

using testing::HasSubstr;

constexpr uint64_t kAnon = 0x5828;  // UPTODATE,LRU,MMAP,ANON,SWAPBACKED
constexpr uint64_t kThp = uint64_t{1} << 22;
constexpr uint64_t kHead = kAnon | kThp | uint64_t{1} << 15;
constexpr uint64_t kTail = kAnon | kThp | uint64_t{1} << 16;

// A process with one mapping at 2 MiB.
TreeProcess ProcessWith(int32_t pid, std::vector<uint64_t> pages) {
  TreeProcess process{.pid = pid};
  process.cgroup = "/a";
  process.mappings = {{.start = 0x200000, .pages = std::move(pages)}};
  return process;
}

void AddFolio(MachineTree& machine, uint64_t pfn, uint64_t count) {
  machine.AddFrames(pfn, 1, kHead, 1, 0);
  machine.AddFrames(pfn + 1, count - 1, kTail, 1, 0);
}

std::string Csv(MachineTree& machine, std::vector<std::string> arguments) {
  const CapturedSnapshot file(machine.reader());
  arguments.insert(arguments.begin() + 1, {file.path(), "--format", "csv"});
  std::string out = RunReport(arguments).out;
  return out.substr(out.find('\n') + 1);
}

TEST(ReportRowsTest, HugepagesByOrder) {
  MachineTree machine;
  std::vector<uint64_t> pages = PresentRun(0x400, 512);              // a THP
  for (uint64_t word : PresentRun(0x800, 4)) pages.push_back(word);  // order 2, whole
  for (uint64_t word : PresentRun(0x804, 4)) pages.push_back(word);  // order 2, whole
  for (uint64_t word : PresentRun(0x810, 6)) pages.push_back(word);  // part of order 4
  for (uint64_t word : PresentRun(0x831, 3)) pages.push_back(word);  // tails alone
  pages.push_back(Present(0x900));                                   // a single frame
  AddFolio(machine, 0x400, 512);
  AddFolio(machine, 0x800, 4);
  AddFolio(machine, 0x804, 4);
  AddFolio(machine, 0x810, 16);
  AddFolio(machine, 0x830, 4);
  machine.AddFrames(0x900, 1, kAnon, 1, 0);
  machine.AddProcess(ProcessWith(100, pages));
  EXPECT_EQ(Csv(machine, {"hugepages"}), "100,server,0x200000,,2120,0,2048,32,2:2,36,0,4,0,0,\r\n");
}

// Of a huge page that is mapped in part, thp_kib has the part; that of hugepages does not,
// as smaps does not.
TEST(ReportRowsTest, HugePagesInPart) {
  MachineTree machine;
  std::vector<uint64_t> pages = PresentRun(0x400, 1024);
  std::fill_n(pages.begin() + 600, 10, 0);
  AddFolio(machine, 0x400, 512);
  AddFolio(machine, 0x600, 512);
  machine.AddProcess(ProcessWith(100, pages));
  EXPECT_EQ(Csv(machine, {"hugepages"}), "100,server,0x200000,,4056,0,2048,0,,2008,0,0,0,0,\r\n");
  CapturedSnapshot file(machine.reader());
  EXPECT_THAT(file.Rows("SELECT thp_kib FROM mapping_usage"), testing::ElementsAre("4056"));
  const std::string diff =
      RunReport({"diff-total", file.path(), file.path(), "--format", "json"}).out;
  EXPECT_THAT(diff, HasSubstr("\"before_thp_kib\":4056,"));
}

// The first half of a folio, with nobody in the other one, is a part of it; and nobody refers to
// the frame that tells so, which counts nowhere.
TEST(ReportRowsTest, HalfFolioIsNoWholeOne) {
  MachineTree machine;
  std::vector<uint64_t> pages = PresentRun(0x840, 8);                // half of order 4
  for (uint64_t word : PresentRun(0x860, 8)) pages.push_back(word);  // order 3, whole
  AddFolio(machine, 0x840, 16);
  AddFolio(machine, 0x860, 8);
  machine.AddProcess(ProcessWith(100, pages));
  EXPECT_EQ(Csv(machine, {"hugepages"}), "100,server,0x200000,,64,0,0,32,3:1,32,0,0,0,0,\r\n");
  EXPECT_EQ(Csv(machine, {"sql", "SELECT COUNT(*), SUM(map_count) FROM frame"}), "16,16\r\n");
  EXPECT_EQ(Csv(machine, {"sql", "SELECT frame_count FROM frame_chunk"}), "16\r\n");
}

// A frame that was freed before its flags were read: what the page was, its word says.
TEST(ReportRowsTest, TornPages) {
  constexpr uint64_t kBuddy = uint64_t{1} << 10;
  MachineTree machine;
  machine.AddFrames(0x900, 1, kBuddy, 0, 0);
  machine.AddFrames(0x901, 1, kBuddy, 0, 0);
  machine.AddFrames(0x902, 1, kAnon, 1, 0);
  machine.AddProcess(
      ProcessWith(100, {Present(0x900), Present(0x901, PageWord::kFile), Present(0x902)}));
  EXPECT_EQ(Csv(machine, {"sql",
                          "SELECT anonymous_kib, file_kib, shmem_kib, torn_count "
                          "FROM mapping_usage"}),
            "8,4,0,2\r\n");
  EXPECT_THAT(Csv(machine, {"check"}), HasSubstr("moved,pages while captured,ok,\"2 torn frames"));
}

TEST(ReportRowsTest, ThpThatIsNotAligned) {
  MachineTree machine;
  std::vector<uint64_t> pages = {Present(0x900)};
  for (uint64_t word : PresentRun(0x400, 512)) pages.push_back(word);
  AddFolio(machine, 0x400, 512);
  machine.AddFrames(0x900, 1, kAnon, 1, 0);
  machine.AddProcess(ProcessWith(100, pages));
  EXPECT_EQ(Csv(machine, {"hugepages"}), "100,server,0x200000,,2052,0,0,2048,9:1,0,0,4,2048,,\r\n");
}

// A range that could be huge, and the huge zero page, which is a large folio and nobody's memory.
TEST(ReportRowsTest, HugepagesByProcess) {
  constexpr uint64_t kZeroPage = uint64_t{1} << 24;
  MachineTree machine;
  AddFolio(machine, 0x400, 512);
  AddFolio(machine, 0x800, 4);
  machine.AddFrames(0x1000, 512, kAnon, 1, 0);
  machine.AddFrames(0x1400, 1, kHead | kZeroPage, 0, 0);
  machine.AddFrames(0x1401, 511, kTail | kZeroPage, 0, 0);
  std::vector<uint64_t> pages = PresentRun(0x400, 512);
  for (uint64_t word : PresentRun(0x1000, 512)) pages.push_back(word);
  for (uint64_t word : PresentRun(0x1400, 512)) pages.push_back(word);
  TreeProcess process = ProcessWith(100, pages);
  process.mappings.push_back({.start = 0x800000, .pages = PresentRun(0x800, 4)});
  machine.AddProcess(process);
  machine.AddProcess(ProcessWith(101, {}));
  EXPECT_EQ(Csv(machine, {"hugepages"}),
            "100,server,0x200000,,6144,0,2048,0,,0,0,4096,2048,,\r\n"
            "100,server,0x800000,,16,0,0,16,2:1,0,0,0,0,0,\r\n");
  EXPECT_EQ(Csv(machine, {"hugepages", "--by", "process"}),
            "100,server,,,6160,0,2048,16,2:1,0,0,4096,2048,,\r\n");
  EXPECT_EQ(Csv(machine, {"hugepages", "--by", "mapping"}), Csv(machine, {"hugepages"}));
}

TEST(ReportRowsTest, RunsAndContiguity) {
  MachineTree machine;
  AddFolio(machine, 0x800, 4);
  machine.AddFrames(0x804, 1, kAnon, 1, 0);
  machine.AddFrames(0x900, 1, kAnon, 1, 0);
  std::vector<uint64_t> pages = PresentRun(0x800, 5);
  pages.push_back(0);
  pages.push_back(Present(0x900));
  machine.AddProcess(ProcessWith(100, pages));
  EXPECT_EQ(Csv(machine, {"runs"}),
            "100,server,0x200000,0x800000,5,20,,1,\r\n100,server,0x206000,0x900000,1,4,,1,\r\n");
  EXPECT_EQ(Csv(machine, {"runs", "--min-length", "5"}),
            "100,server,0x200000,0x800000,5,20,,1,\r\n");
  EXPECT_EQ(Csv(machine, {"contiguity"}), "100,server,0x200000,,2,6,24,20,1:1 4:1\r\n");
}

TEST(ReportRowsTest, SlotsOfTwoProcesses) {
  MachineTree machine;
  machine.SetSwaps({"/swap file 2097152 8 -2"});
  machine.AddProcess(ProcessWith(100, {Swapped(0, 1), Swapped(0, 2), Swapped(0, 9)}));
  machine.AddProcess(ProcessWith(101, {Swapped(0, 2), 0, Swapped(0, 9)}));
  EXPECT_EQ(Csv(machine, {"swap"}),
            "100,server,0x200000,,swapped,/swap,3,12,2,2,8\r\n"
            "101,server,0x200000,,swapped,/swap,2,8,2,2,4\r\n");
}

TEST(ReportRowsTest, MappedByOthersToo) {
  MachineTree machine;
  machine.AddFrames(0x100, 1, kAnon, 5, 0);
  machine.AddFrames(0x101, 1, kAnon, 2, 0);
  machine.AddProcess(ProcessWith(100, {Present(0x100), Present(0x101)}));
  machine.AddProcess(ProcessWith(101, {Present(0x100), Present(0x101)}));
  EXPECT_EQ(Csv(machine, {"unexplained"}),
            "100,server,0x200000,,1,4,3\r\n101,server,0x200000,,1,4,3\r\n");
}

TEST(ReportRowsTest, RemovedCgroup) {
  MachineTree machine;
  machine.AddCgroup("/a", 7);
  machine.AddFrames(0x100, 1, kAnon, 1, 7);
  machine.AddFrames(0x101, 2, kAnon, 1, 999);
  machine.AddProcess(ProcessWith(100, PresentRun(0x100, 3)));
  EXPECT_EQ(Csv(machine, {"cgroups"}), "inode 999,removed,/a,1,2,8,8\r\n/a,charged,/a,1,1,4,4\r\n");
  // Where no cgroup can be seen, none is said to be gone.
  machine.reader().Remove("sys/fs/cgroup");
  EXPECT_EQ(Csv(machine, {"cgroups"}),
            "inode 999,unnamed,/a,1,2,8,8\r\ninode 7,unnamed,/a,1,1,4,4\r\n");
}

// What pagemap does not show of an area of a driver is not absent. Pages that it shows are what
// they are, and without smaps nothing is known of areas.
TEST(ReportRowsTest, AreasOfDriversAreHidden) {
  MachineTree machine;
  machine.AddFrames(0x100, 1, 0x800, 1, 0);
  TreeProcess process{.pid = 100};
  process.mappings = {{.start = 0x200000, .page_count = 4, .vm_flags = "rd wr pf io de dd"},
                      {.start = 0x300000, .pages = {Present(0x100), 0}, .vm_flags = "rd io"},
                      {.start = 0x400000, .page_count = 4, .vm_flags = "rd mr pfx iox"}};
  machine.AddProcess(process);
  const std::vector<std::string> translate = {
      "translate", "--pid",    "100",       "--address", "0x201000",  "--address", "0x300000",
      "--address", "0x301000", "--address", "0x400000",  "--address", "0x500000"};
  auto states = [&] {
    std::string all;
    CapturedSnapshot file(machine.reader());
    std::vector<std::string> arguments = translate;
    arguments.insert(arguments.begin() + 1, file.path());
    arguments.insert(arguments.end(), {"--format", "csv"});
    std::istringstream lines(RunReport(arguments).out);
    std::string line;
    std::getline(lines, line);
    while (std::getline(lines, line)) {
      for (int comma = 0; comma < 3; ++comma) line.erase(0, line.find(',') + 1);
      all += line.substr(0, line.find(',')) + " ";
    }
    return all;
  };
  EXPECT_EQ(states(), "hidden present hidden absent unmapped ");
  {
    CapturedSnapshot file(machine.reader());
    EXPECT_THAT(file.Rows("SELECT absent_count, hidden_count FROM mapping_usage"),
                testing::ElementsAre("0|4", "0|1", "4|0"));
    EXPECT_THAT(file.Rows("SELECT virtual_kib FROM process_usage WHERE pid = 100"),
                testing::ElementsAre("40"));
    EXPECT_THAT(file.Rows("SELECT absent_count, hidden_count FROM mapping_span(4)"),
                testing::ElementsAre("0|4", "0|1", "4|0"));
    const std::string maps = RunReport({"maps", file.path(), "--format", "csv"}).out;
    EXPECT_THAT(maps, testing::HasSubstr(",0,0,16,,????\r\n"));
    EXPECT_THAT(maps, testing::HasSubstr(",0,0,0,,....\r\n"));
    EXPECT_THAT(RunReport({"layout", file.path(), "--cell", "16"}).out,
                testing::HasSubstr("#  hidden"));
  }
  machine.reader().Remove("proc/100/smaps");
  EXPECT_EQ(states(), "absent present absent absent unmapped ");
}

// Frames once, whoever maps them and how often: with processes of two cgroups, a frame that both
// map, one that a process maps twice, and the zero page.
TEST(ReportRowsTest, FramesThatACgroupPaysFor) {
  MachineTree machine;
  machine.AddCgroup("/a", 7);
  machine.AddCgroup("/b", 8);
  machine.AddFrames(0x100, 3, kAnon, 3, 7);
  machine.AddFrames(0x103, 1, kAnon, 1, 8);
  machine.AddFrames(0x104, 1, kFrameZeroPage, 0, 0);
  TreeProcess a =
      ProcessWith(100, {Present(0x100), Present(0x101), Present(0x101), Present(0x104)});
  a.cgroup = "/a";
  machine.AddProcess(a);
  TreeProcess b = ProcessWith(101, {Present(0x100), Present(0x102), Present(0x103)});
  b.cgroup = "/b";
  machine.AddProcess(b);
  EXPECT_EQ(Csv(machine, {"cgroups"}),
            "/a,charged,/a,1,3,12,12\r\n/a,charged,/b,1,2,8,12\r\n,uncharged,/a,1,1,4,0\r\n"
            "/b,charged,/b,1,1,4,4\r\n");
}

TEST(ReportRowsTest, FlagsOfTheirOwn) {
  MachineTree machine;
  machine.AddFrames(0x100, 1, kAnon | uint64_t{1} << 21, 1, 0);
  machine.AddFrames(0x101, 1, kAnon | uint64_t{1} << 19, 1, 0);
  machine.AddFrames(0x102, 2, kAnon | uint64_t{1} << 18, 1, 0);
  machine.AddFrames(0x104, 1, kAnon | uint64_t{1} << 4, 1, 0);
  machine.AddProcess(ProcessWith(100, PresentRun(0x100, 5)));
  EXPECT_EQ(Csv(machine, {"ksm"}), "100,server,0x200000,,0x200000,1,4\r\n");
  EXPECT_EQ(Csv(machine, {"poisoned"}), "100,server,0x200000,,0x201000,1,4\r\n");
  EXPECT_EQ(Csv(machine, {"unevictable"}), "100,server,0x200000,,0x202000,2,8\r\n");
  EXPECT_EQ(Csv(machine, {"dirty"}), "100,server,0x200000,,0x204000,1,4\r\n");
}

// Two processes, one with a name of its own, that share one of two frames of a file; the other
// frame and a private page are each one's own.
class OwnerTest : public testing::Test {
 protected:
  OwnerTest() {
    machine_.SetSwaps({"/swap file 2097152 8 -2"});
    machine_.AddCgroup("/a", 7);
    machine_.AddFrames(0x100, 1, kFile, 2, 7);
    machine_.AddFrames(0x101, 2, kFile, 1, 7);
    machine_.AddFrames(0x200, 2, kAnon, 1, 7);
    machine_.AddFrames(0x202, 1, kAnon | uint64_t{1} << 13, 1, 7);  // SWAPCACHE
    Add(100, "server", {Present(0x100), Present(0x101)}, {Present(0x200), Swapped(0, 1)});
    Add(101, "worker", {Present(0x100), Present(0x102)},
        {Present(0x201), Present(0x202), Swapped(0, 1), Swapped(0, 2)});
  }
  void Add(int32_t pid, const std::string& name, const std::vector<uint64_t>& file,
           const std::vector<uint64_t>& own) {
    TreeProcess process{.pid = pid, .name = name};
    process.cgroup = "/a";
    TreeMapping mapped{.start = 0x200000, .pages = file, .perms = "r-xp", .offset = 0x1000};
    mapped.device = "08:11";
    mapped.inode = 77;
    mapped.path = "/lib/c.so";
    process.mappings = {mapped, {.start = 0x300000, .pages = own}};
    machine_.AddProcess(process);
  }
  std::string Csv(std::vector<std::string> arguments) {
    return pagesnap::Csv(machine_, std::move(arguments));
  }

  static constexpr uint64_t kFile = 0x82c;  // REFERENCED,UPTODATE,LRU,MMAP
  MachineTree machine_;
};

TEST_F(OwnerTest, SharedMappings) {
  const std::string server = "100,server,0x200000,/lib/c.so,8,4,0,\r\n";
  const std::string worker = "101,worker,0x200000,/lib/c.so,8,4,0,\r\n";
  EXPECT_EQ(Csv({"shared-maps"}), server + worker);
  EXPECT_EQ(Csv({"shared-maps", "--pid", "101"}), worker);
  EXPECT_EQ(Csv({"shared-maps", "--name", "s*"}), server);
  EXPECT_EQ(Csv({"shared-maps", "--path", "/usr/*"}), "");
}

// The line is the same whoever is asked for: it says how much is shared in all.
TEST_F(OwnerTest, SharedFiles) {
  const std::string line = "/lib/c.so,0x1000,2,2,4,8,\r\n";
  for (const std::vector<std::string>& options : {std::vector<std::string>{"shared-files"},
                                                  {"shared-files", "--pid", "100"},
                                                  {"shared-files", "--name", "w*"},
                                                  {"shared-files", "--path", "*c.so"}}) {
    EXPECT_EQ(Csv(options), line);
  }
  EXPECT_EQ(Csv({"shared-files", "--name", "x*"}), "");
  EXPECT_EQ(Csv({"shared-files", "--path", ""}), "");
}

TEST_F(OwnerTest, ExitGain) {
  // The worker's frame in the swap cache stays: the server holds its slot.
  EXPECT_EQ(Csv({"exit-gain"}), "100,server,4,0,4,4,0,0\r\n101,worker,4,0,4,8,0,4\r\n");
  EXPECT_EQ(Csv({"exit-gain", "--name", "s*"}), "100,server,4,0,4,4,0,0\r\n");
  EXPECT_EQ(Csv({"exit-gain", "--path", "/lib/*"}),
            "100,server,0,0,4,4,0,0\r\n101,worker,0,0,4,4,0,0\r\n");
}

// What nobody can know is no zero.
TEST_F(OwnerTest, ExitGainWithoutMapCounts) {
  machine_.AddFrames(0x300, 1, kAnon, kNotRead, 7);
  Add(102, "torn", {Present(0x300)}, {});
  EXPECT_EQ(Csv({"exit-gain", "--pid", "102"}), "102,torn,,,,,,0\r\n");
  EXPECT_EQ(Csv({"unexplained", "--pid", "102"}), "");
}

TEST_F(OwnerTest, SwapAndSwapCache) {
  EXPECT_EQ(Csv({"swap"}),
            "100,server,0x300000,,swapped,/swap,1,4,1,1,2\r\n"
            "101,worker,0x300000,,swap_cache,,1,4,,,\r\n"
            "101,worker,0x300000,,swapped,/swap,2,8,1,1,6\r\n");
  EXPECT_EQ(Csv({"swap", "--by", "process", "--name", "server"}),
            "100,server,,,swapped,/swap,1,4,1,1,2\r\n");
  EXPECT_EQ(Csv({"swap", "--by", "device"}),
            ",,,,swap_cache,,1,4,,,\r\n,,,,swapped,/swap,3,12,2,2,8\r\n");
}

TEST_F(OwnerTest, SumsAreRestricted) {
  EXPECT_EQ(Csv({"cgroups"}), "/a,charged,/a,2,7,28,24\r\n");
  EXPECT_EQ(Csv({"cgroups", "--pid", "100"}), "/a,charged,/a,1,3,12,24\r\n");
  EXPECT_EQ(Csv({"cgroups", "--name", "w*"}), "/a,charged,/a,1,4,16,24\r\n");
  EXPECT_EQ(Csv({"cgroups", "--path", "/lib/*"}), "/a,charged,/a,2,4,16,24\r\n");
  EXPECT_THAT(Csv({"maps", "--name", "w*", "--path", "/lib/*"}),
              testing::StartsWith("101,0x200000,"));
  EXPECT_THAT(Csv({"maps", "--by", "path", "--name", "w*", "--path", "/lib/*"}),
              testing::StartsWith("/lib/c.so,1,1,8,8,6,4,0,0,"));
  EXPECT_EQ(Csv({"shared"}), "2,1,4,\"[100,101]\",\"server,worker\"\r\n");
  EXPECT_EQ(Csv({"shared", "--name", "w*"}), Csv({"shared"}));
  EXPECT_EQ(Csv({"shared", "--name", "x*"}), "");
  EXPECT_EQ(Csv({"shared-pairs"}), "100,server,101,worker,1,4\r\n");
  EXPECT_EQ(Csv({"shared-pairs", "--name", "w*"}), "101,worker,100,server,1,4\r\n");
  const std::string flags = Csv({"flags", "--path", "/lib/*", "--name", "s*"});
  EXPECT_THAT(flags, HasSubstr("0x000000000000082c,2,8,"));
}

}  // namespace
}  // namespace pagesnap
