// What the reports say about memory that the sample machine has not.
#include <gmock/gmock.h>

#include "lib/kernel/frame_flags.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/machine_tree.h"
#include "tests/support/sample_machine.h"

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
  EXPECT_EQ(Csv(machine, {"hugepages"}), "100,server,0x200000,,2120,0,2048,32,2:2,36,4,0,0,\r\n");
}

TEST(ReportRowsTest, ThpThatIsNotAligned) {
  MachineTree machine;
  std::vector<uint64_t> pages = {Present(0x900)};
  for (uint64_t word : PresentRun(0x400, 512)) pages.push_back(word);
  AddFolio(machine, 0x400, 512);
  machine.AddFrames(0x900, 1, kAnon, 1, 0);
  machine.AddProcess(ProcessWith(100, pages));
  EXPECT_EQ(Csv(machine, {"hugepages"}), "100,server,0x200000,,2052,0,0,2048,9:1,0,4,2048,,\r\n");
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
            "100,server,0x200000,,6144,0,2048,0,,0,4096,2048,,\r\n"
            "100,server,0x800000,,16,0,0,16,2:1,0,0,0,0,\r\n");
  EXPECT_EQ(Csv(machine, {"hugepages", "--by", "process"}),
            "100,server,,,6160,0,2048,16,2:1,0,4096,2048,,\r\n");
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
            "100,server,0x200000,0x800000,5,20,\r\n100,server,0x206000,0x900000,1,4,\r\n");
  EXPECT_EQ(Csv(machine, {"runs", "--min-length", "5"}), "100,server,0x200000,0x800000,5,20,\r\n");
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
  EXPECT_EQ(Csv(machine, {"cgroups"}), "inode 999,removed,/a,1,2,8\r\n/a,charged,/a,1,1,4\r\n");
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

}  // namespace
}  // namespace pagesnap
