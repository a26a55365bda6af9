// Whose memory is read: of processes with one address space, of threads, of a process without its
// first thread.
#include "capture/memory_owners.h"

#include <gmock/gmock.h>

#include "capture/select.h"
#include "tests/capture/frozen_testing.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

ProcessStat Stat(int32_t pid, uint64_t start_time_ticks) {
  ProcessStat stat;
  stat.pid = pid;
  stat.start_time_ticks = start_time_ticks;
  return stat;
}

TEST(OwnersOfTest, WhoStartedFirstHasTheMappings) {
  const std::vector<ProcessStat> processes = {Stat(5, 90), Stat(6, 90), Stat(7, 80), Stat(9, 70)};
  EXPECT_THAT(OwnersOf({{5, 6, 7}}, processes), ElementsAre(Pair(5, 7), Pair(6, 7)));
  // Pids are used again, so a parent can have the larger one.
  EXPECT_THAT(OwnersOf({{5, 6}}, processes), ElementsAre(Pair(6, 5)));
  EXPECT_THAT(OwnersOf({{100, 101}, {9}}, processes), IsEmpty());
  // Who is not selected has no mappings in the snapshot.
  EXPECT_THAT(OwnersOf({{4, 5, 100}}, processes), ElementsAre(Pair(4, 5), Pair(100, 5)));
}

const char kMemory[] =
    "SELECT p.pid, p.mapping_count, m.pid FROM process p LEFT JOIN process m ON m.id = "
    "p.memory_process_id WHERE p.pid >= 100 ORDER BY p.pid";

class MemoryOwnersTest : public FrozenCaptureTest {
 protected:
  MemoryOwnersTest() {
    const std::vector<TreeMapping> mappings = {
        {.start = 0x10000000, .pages = PresentRun(0x300, 4)}};
    for (const int32_t pid : {150, 151}) {
      machine_.AddProcess({.pid = pid, .start_time_ticks = 6000, .mappings = mappings});
    }
    SetSpaces(7, 7);
  }
  void SetSpaces(uint64_t of_150, uint64_t of_151) {
    machine_.reader().SetSpace(150, of_150);
    machine_.reader().SetSpace(151, of_151);
  }
};

TEST_F(MemoryOwnersTest, OneAddressSpaceCountsOnce) {
  for (const bool freeze : {false, true}) {
    CaptureRequest request = freeze ? Request() : AllProcesses();
    request.selection = {.pids = {151, 150}};
    CapturedSnapshot file(machine_.reader(), request);
    EXPECT_EQ(file.exit_code(), kExitOk);
    EXPECT_THAT(file.Rows(kMemory), ElementsAre("150|1|NULL", "151|0|150"));
    EXPECT_THAT(file.Rows("SELECT pid, rss_kib FROM process_usage"), ElementsAre("150|16"));
    EXPECT_THAT(file.Rows("SELECT COUNT(*), COUNT(DISTINCT pfn) FROM page"), ElementsAre("4|4"));
    if (freeze) {
      EXPECT_THAT(file.Rows("SELECT frozen FROM process WHERE pid IN (150, 151)"),
                  ElementsAre("1", "1"));
    }
  }
}

// A fork has equal mappings at equal addresses, in frames of its parent.
TEST_F(MemoryOwnersTest, AForkHasItsOwn) {
  SetSpaces(7, 8);
  CaptureRequest request = AllProcesses();
  request.selection = {.pids = {150, 151}};
  CapturedSnapshot file(machine_.reader(), request);
  EXPECT_THAT(file.Rows(kMemory), ElementsAre("150|1|NULL", "151|1|NULL"));
}

// Who was not selected is recorded as one that keeps the memory.
TEST_F(MemoryOwnersTest, OneThatIsNotSelectedKeepsTheMemory) {
  machine_.AddProcess({.pid = 152, .start_time_ticks = 6000});
  machine_.reader().SetSpace(152, 8);
  for (const bool freeze : {false, true}) {
    CaptureRequest request = freeze ? Request() : AllProcesses();
    request.selection = {.pids = {151}};
    CapturedSnapshot file(machine_.reader(), request);
    EXPECT_EQ(file.exit_code(), kExitOk);
    EXPECT_THAT(file.Rows(kMemory), ElementsAre("150|0|151", "151|1|NULL"));
    EXPECT_THAT(file.Rows("SELECT pid, stopped_ns IS NOT NULL FROM process WHERE pid = 150"),
                ElementsAre(freeze ? "150|1" : "150|0"));
    EXPECT_THAT(file.Rows("SELECT pid, rss_kib FROM process_usage"), ElementsAre("151|16"));
    const ReportResult gain = RunReport({"exit-gain", file.path(), "--format", "csv"});
    EXPECT_THAT(gain.out, testing::ContainsRegex("\n151,[^,]*,0,0,0,16,0,"));
    EXPECT_THAT(gain.notes,
                testing::HasSubstr("process 151 shares its address space with process 150"));
    const ReportResult maps = RunReport({"maps", file.path(), "--pid", "150", "--format", "csv"});
    EXPECT_THAT(maps.out, testing::HasSubstr("\n151,0x10000000,"));
    EXPECT_THAT(maps.notes, testing::HasSubstr("process 150 has the address space of process 151"));
  }
}

// More than is looked at: who is next by number is.
TEST_F(MemoryOwnersTest, OfThousandsTheNextOnesAreLookedAt) {
  for (int32_t pid = 1000; pid < 3000; ++pid) {
    machine_.reader().AddText(fmt::format("proc/{}/stat", pid), "?");
    machine_.reader().SetSpace(pid, 1000);
  }
  machine_.reader().SetSpace(2999, 7);
  CaptureRequest request = AllProcesses();
  request.selection = {.pids = {151}};
  CapturedSnapshot file(machine_.reader(), request);
  EXPECT_THAT(file.Rows(kMemory), ElementsAre("150|0|151", "151|1|NULL"));
  EXPECT_THAT(file.Rows("SELECT CAST(value AS INTEGER) BETWEEN 950 AND 1000 FROM "
                        "snapshot_system_fact WHERE name = 'capture.sharing_unknown_count'"),
              ElementsAre("1"));
}

TEST_F(MemoryOwnersTest, ReportsSayWithWhom) {
  CaptureRequest request = AllProcesses();
  request.selection = {.pids = {150, 151}};
  CapturedSnapshot file(machine_.reader(), request);
  const ReportResult all = RunReport({"processes", file.path(), "--format", "csv"});
  EXPECT_THAT(
      all.notes,
      testing::HasSubstr("process 150 shares its address space with process 151: counted once"));
  const ReportResult one = RunReport({"maps", file.path(), "--pid", "151", "--format", "csv"});
  EXPECT_THAT(one.out, testing::HasSubstr("\n150,0x10000000,"));
  EXPECT_THAT(one.notes, testing::HasSubstr("process 151 has the address space of process 150"));
}

TEST_F(MemoryOwnersTest, AThreadMeansItsProcess) {
  // /proc/TID exists, and no listing has it.
  machine_.reader().AddText("proc/152/status", "Name:\tserver\nTgid:\t150\nPid:\t152\n");
  CaptureRequest request = AllProcesses();
  request.selection = {.pids = {152, 150}, .tree_roots = {152}};
  CapturedSnapshot file(machine_.reader(), request);
  EXPECT_THAT(file.Rows("SELECT pid, memory_process_id IS NULL FROM process"),
              ElementsAre("150|1", "151|0"));
  EXPECT_THAT(SelectProcesses(request.selection, machine_.reader()).threads,
              ElementsAre(Pair(152, 150)));
}

TEST_F(MemoryOwnersTest, WhenTheFirstThreadHasEndedAnotherShowsTheMemory) {
  FakeReader& reader = machine_.reader();
  machine_.AddProcess({.pid = 160, .state = 'Z', .thread_count = 3});
  machine_.AddProcess(
      {.pid = 161, .mappings = {{.start = 0x20000000, .pages = PresentRun(0x300, 3)}}});
  for (const char* name : {"maps", "smaps", "status"}) {
    reader.AddText(fmt::format("proc/160/task/161/{}", name),
                   ReadWholeText(reader, fmt::format("proc/161/{}", name)));
  }
  reader.AddText("proc/160/task/160/stat", ReadWholeText(reader, "proc/160/stat"));
  reader.AddText("proc/160/task/161/stat", ReadWholeText(reader, "proc/161/stat"));
  reader.AddWords("proc/160/task/161/pagemap", 0x20000, PresentRun(0x300, 3));
  reader.SetWordsEnd("proc/160/task/161/pagemap", FakeReader::kDefaultWordsEnd);
  for (const bool freeze : {false, true}) {
    CaptureRequest request = freeze ? Request() : AllProcesses();
    request.selection = {.pids = {160}};
    CapturedSnapshot file(reader, request);
    EXPECT_THAT(file.Gaps(), IsEmpty());
    EXPECT_THAT(file.Rows("SELECT pid, rss_kib FROM process_usage"), ElementsAre("160|12"));
  }
}

}  // namespace
}  // namespace pagesnap
