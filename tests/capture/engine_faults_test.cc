// What cannot be read becomes a gap that says exactly what is missing; the rest is captured.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "tests/support/captured_snapshot.h"
#include "tests/support/faulty_reader.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr char kGapRanges[] =
    "SELECT source, process_id, mapping_id, first, count, reason FROM gap ORDER BY id";

class EngineFaultsTest : public testing::Test {
 protected:
  EngineFaultsTest() : faulty_(machine_.reader()) { FillSampleMachine(machine_); }
  CapturedSnapshot& file() {
    if (!file_) file_ = std::make_unique<CapturedSnapshot>(faulty_);
    return *file_;
  }
  // One process with `count` present pages, PFNs from 0x1000, instead of the sample.
  void UseOneProcess(uint64_t count) {
    for (const char* pid : {"2", "100", "101", "300"}) {
      machine_.reader().Remove(std::string("proc/") + pid);
    }
    machine_.AddFrames(0x1000, count, 0x28, 1, 1);
    machine_.AddProcess({.mappings = {{.start = kStart, .pages = PresentRun(0x1000, count)}}});
  }
  std::string Message(const CaptureRequest& request) {
    try {
      CapturedSnapshot captured(faulty_, request);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  static constexpr uint64_t kStart = 0x10000000;
  static constexpr uint64_t kFirstPage = kStart / 4096;
  MachineTree machine_;
  FaultyReader faulty_;
  std::unique_ptr<CapturedSnapshot> file_;
};

TEST_F(EngineFaultsTest, NoKpagecgroup) {
  machine_.reader().Remove("proc/kpagecgroup");
  EXPECT_EQ(file().exit_code(), kExitWithGaps);
  EXPECT_THAT(file().Gaps(), ElementsAre("kpagecgroup|No such file or directory"));
  EXPECT_THAT(file().Rows("SELECT flags_state, map_count_state, cgroup_state FROM snapshot"),
              ElementsAre("read|read|missing"));
  EXPECT_THAT(file().Rows("SELECT COUNT(*), COUNT(flags), COUNT(map_count), COUNT(cgroup_inode) "
                          "FROM frame"),
              ElementsAre("13|13|13|0"));
}

// A container hides files of /proc behind an empty one.
TEST_F(EngineFaultsTest, MaskedFileIsHidden) {
  faulty_.ShortRead("proc/kpagecount", 0);
  EXPECT_THAT(file().Gaps(), ElementsAre("kpagecount|the file is empty: it is masked here"));
  EXPECT_THAT(file().Rows("SELECT flags_state, map_count_state, cgroup_state FROM snapshot"),
              ElementsAre("read|hidden|read"));
}

TEST_F(EngineFaultsTest, NoKpagecount) {
  faulty_.Fail("proc/kpagecount", EPERM);
  EXPECT_EQ(file().exit_code(), kExitWithGaps);
  EXPECT_THAT(file().Gaps(), ElementsAre("kpagecount|Operation not permitted"));
  EXPECT_THAT(file().Rows("SELECT flags_state, map_count_state, cgroup_state FROM snapshot"),
              ElementsAre("read|hidden|read"));
  EXPECT_THAT(file().Rows("SELECT rss_kib, pss_kib, uss_kib FROM process_usage WHERE pid = 100"),
              ElementsAre("24|NULL|NULL"));
}

TEST_F(EngineFaultsTest, ProcessDiesBetweenMapsAndPagemap) {
  machine_.reader().SetOnAccess([&](const std::string& path) {
    if (path == "proc/100/pagemap") machine_.reader().Remove("proc/100");
  });
  EXPECT_EQ(file().exit_code(), kExitOk);
  EXPECT_THAT(file().Gaps(), testing::IsEmpty());
  EXPECT_THAT(file().Rows("SELECT pid, mapping_count, rss_kib FROM process_usage ORDER BY pid"),
              ElementsAre("2|0|0", "100|5|NULL", "101|2|28", "300|0|0"));
}

TEST_F(EngineFaultsTest, ProcessDiesWhileItsPagesAreRead) {
  int reads = 0;
  machine_.reader().SetOnAccess([&](const std::string& path) {
    // The first access opens the file, the second reads the first mapping.
    if (path == "proc/101/pagemap" && ++reads == 3) machine_.reader().Remove("proc/101");
  });
  EXPECT_EQ(file().exit_code(), kExitOk);
  EXPECT_THAT(file().Rows("SELECT rss_kib, uss_kib FROM process_usage WHERE pid = 101"),
              ElementsAre("NULL|NULL"));
  EXPECT_THAT(file().Rows("SELECT DISTINCT rss_kib FROM mapping_usage WHERE process_id = 3"),
              ElementsAre("NULL"));
  EXPECT_THAT(file().Rows("SELECT pid FROM process WHERE ended"), ElementsAre("101"));
}

TEST_F(EngineFaultsTest, PidIsReusedDuringCapture) {
  machine_.reader().SetOnAccess([&](const std::string& path) {
    if (path == "proc/100/pagemap") {
      machine_.SetStat({.pid = 100, .start_time_ticks = 9999});
    }
  });
  EXPECT_EQ(file().exit_code(), kExitOk);
  EXPECT_THAT(file().Gaps(), testing::IsEmpty());
  EXPECT_THAT(file().Rows("SELECT pid, rss_kib FROM process_usage WHERE maps_missing"),
              ElementsAre("100|NULL"));
}

TEST_F(EngineFaultsTest, AnotherProgramIsExecutedDuringCapture) {
  machine_.reader().SetOnAccess([&](const std::string& path) {
    if (path == "proc/100/pagemap") {
      machine_.SetStat({.pid = 100, .start_stack = 0x7ffdeadbe000});
    }
  });
  EXPECT_EQ(file().exit_code(), kExitOk);
  EXPECT_THAT(file().Gaps(), testing::IsEmpty());
  EXPECT_THAT(file().Rows("SELECT pid, rss_kib FROM process_usage WHERE maps_missing"),
              ElementsAre("100|NULL"));
}

// A recorded file can be cut off, and its process did not end.
TEST_F(EngineFaultsTest, AFileThatEndsEarlyIsAGap) {
  faulty_.Fail("proc/100/pagemap", ESRCH);
  EXPECT_EQ(file().exit_code(), kExitWithGaps);
  EXPECT_THAT(file().Gaps(), ElementsAre("pagemap|the file ended early"));
  EXPECT_THAT(file().Rows("SELECT pid FROM process WHERE ended"), testing::IsEmpty());
}

TEST_F(EngineFaultsTest, AListThatIsMissingIsAGap) {
  machine_.reader().Remove("proc/100/maps");
  machine_.reader().Remove("proc/100/smaps");
  EXPECT_EQ(file().exit_code(), kExitWithGaps);
  EXPECT_THAT(file().Gaps(), ElementsAre("maps|No such file or directory"));
}

// Nothing of all that was wanted could be read.
TEST_F(EngineFaultsTest, WhenAllEndThereIsNoSnapshot) {
  machine_.reader().SetOnAccess([&](const std::string& path) {
    if (path == "proc/100/pagemap") machine_.reader().Remove("proc/100");
  });
  EXPECT_EQ(Message(ProcessesWithPid({100})),
            "process 100 (server) ended, or executed another program, before it was read");
}

// An unprivileged user can make what there is to read of a process endless.
TEST_F(EngineFaultsTest, TheTimeForAProcessIsLimited) {
  UseOneProcess(300000);
  CaptureRequest request = AllProcesses();
  request.file_budget_ns = 300'000'000;
  int reads = 0;
  machine_.reader().SetOnAccess([&](const std::string& path) {
    if (path != "proc/100/pagemap") return;
    ++reads;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  });
  CapturedSnapshot captured(faulty_, request);
  EXPECT_EQ(captured.exit_code(), kExitWithGaps);
  EXPECT_THAT(
      captured.Rows("SELECT DISTINCT source, process_id, mapping_id, reason FROM gap"),
      ElementsAre("pagemap|1|1|the time for this file of one process was used up after 300.0 ms "
                  "(--budget)"));
  EXPECT_THAT(captured.Rows("SELECT rss_kib, gap_count > 0 FROM process_usage"),
              ElementsAre("NULL|1"));
  EXPECT_THAT(captured.Rows("SELECT SUM(present_count) BETWEEN 1 AND 299999 FROM page_chunk"),
              ElementsAre("1"));
  EXPECT_LT(reads, 20) << "a range that is out of time is not halved";
}

TEST_F(EngineFaultsTest, WithoutTimeNothingButTheProcessIsKnown) {
  CaptureRequest request = AllProcesses();
  request.file_budget_ns = 0;
  CapturedSnapshot captured(faulty_, request);
  EXPECT_EQ(captured.exit_code(), kExitWithGaps);
  EXPECT_THAT(
      captured.Rows("SELECT DISTINCT reason FROM gap"),
      ElementsAre("the time for this file of one process was used up after 0 us (--budget)"));
  EXPECT_THAT(captured.Rows("SELECT pid, name, rss_kib FROM process_usage ORDER BY pid"),
              ElementsAre("2|kthreadd|0", "100|server|NULL", "101|worker|NULL", "300|gone|0"));
}

TEST_F(EngineFaultsTest, ProcessThatEndsBeforeItsStatWasNotThere) {
  machine_.reader().SetOnAccess([&](const std::string& path) {
    if (path == "proc/100/stat") machine_.reader().Remove("proc/100");
  });
  EXPECT_EQ(file().exit_code(), kExitOk);
  EXPECT_THAT(file().Rows("SELECT pid FROM process"), ElementsAre("2", "101", "300"));
}

TEST_F(EngineFaultsTest, ProcessNamedByPidMustBeThere) {
  EXPECT_EQ(Message(ProcessesWithPid({100, 77})), "there is no process 77; nothing was captured");
}

TEST_F(EngineFaultsTest, UnreadablePagesAreFewAndNamedExactly) {
  UseOneProcess(70000);
  faulty_.FailWords("proc/100/pagemap", kFirstPage + 40000, 3, EIO);
  EXPECT_EQ(file().exit_code(), kExitWithGaps);
  const auto range = file().Rows(
      "SELECT first, count, count <= 512, first <= 40000 AND "
      "first + count >= 40003 FROM gap");
  ASSERT_EQ(range.size(), 1);
  EXPECT_THAT(range[0], testing::EndsWith("|1|1"));
  EXPECT_THAT(file().Rows("SELECT COUNT(*) = 70000 - (SELECT count FROM gap) FROM page"),
              ElementsAre("1"));
  EXPECT_THAT(file().Rows("SELECT COUNT(*) FROM page, gap WHERE page - 65536 BETWEEN first AND "
                          "first + count - 1"),
              ElementsAre("0"));
  EXPECT_THAT(file().Rows("SELECT source, process_id, mapping_id, reason FROM gap"),
              ElementsAre("pagemap|1|1|Input/output error"));
}

TEST_F(EngineFaultsTest, UnreadablePagesApartAreGapsApart) {
  UseOneProcess(70000);
  for (uint64_t page : {1000, 9000, 66000}) {
    faulty_.FailWords("proc/100/pagemap", kFirstPage + page, 1, EIO);
  }
  EXPECT_THAT(file().Rows("SELECT COUNT(*), MAX(count) <= 512, SUM(count) + (SELECT COUNT(*) FROM "
                          "page) FROM gap"),
              ElementsAre("3|1|70000"));
}

TEST_F(EngineFaultsTest, UnreadablePagesTogetherAreOneGap) {
  UseOneProcess(70000);
  faulty_.FailWords("proc/100/pagemap", kFirstPage + 2000, 20000, EIO);
  EXPECT_THAT(file().Rows("SELECT COUNT(*), SUM(count) BETWEEN 20000 AND 21024 FROM gap"),
              ElementsAre("1|1"));
}

TEST_F(EngineFaultsTest, UnreadableFrameFlags) {
  UseOneProcess(5000);
  faulty_.FailWords("proc/kpageflags", 0x1000 + 2100, 1, EIO);
  EXPECT_EQ(file().exit_code(), kExitWithGaps);
  EXPECT_THAT(file().Rows("SELECT flags_state, map_count_state FROM snapshot"),
              ElementsAre("partly|read"));
  EXPECT_THAT(file().Rows("SELECT COUNT(*) FROM gap WHERE source = 'kpageflags' AND count <= 512 "
                          "AND first <= 6196 AND first + count > 6196"),
              ElementsAre("1"));
  EXPECT_THAT(file().Rows("SELECT COUNT(*) = (SELECT count FROM gap) FROM frame "
                          "WHERE flags IS NULL AND map_count = 1"),
              ElementsAre("1"));
}

TEST_F(EngineFaultsTest, UnreadableFramesAreOneGapAcrossFramesThatNobodyUses) {
  faulty_.FailWords("proc/kpageflags", 0x100, 0x202, EIO);  // up to 0x301
  EXPECT_THAT(file().Rows(kGapRanges),
              ElementsAre("kpageflags|NULL|NULL|256|516|Input/output error"));
  EXPECT_THAT(file().Rows("SELECT pfn FROM frame WHERE flags IS NOT NULL"),
              ElementsAre("85", "1024", "1025"));
}

TEST_F(EngineFaultsTest, KpagecountThatEndsInsideMemory) {
  UseOneProcess(100);
  faulty_.ShortRead("proc/kpagecount", 0x1000 + 60);
  EXPECT_EQ(file().exit_code(), kExitWithGaps);
  EXPECT_THAT(file().Rows(kGapRanges),
              ElementsAre("kpagecount|NULL|NULL|4156|40|the file ends before the end of memory"));
  EXPECT_THAT(file().Rows("SELECT map_count_state, (SELECT COUNT(*) FROM frame WHERE map_count IS "
                          "NULL) FROM snapshot"),
              ElementsAre("partly|40"));
}

TEST_F(EngineFaultsTest, AnotherUsersProcessIsAGap) {
  faulty_.Fail("proc/100/smaps", EACCES);
  EXPECT_EQ(file().exit_code(), kExitWithGaps);
  EXPECT_THAT(file().Gaps(), ElementsAre("maps|Permission denied"));
  EXPECT_THAT(file().Rows("SELECT pid, maps_missing, rss_kib, virtual_kib FROM process_usage "
                          "WHERE pid BETWEEN 100 AND 101"),
              ElementsAre("100|1|NULL|NULL", "101|0|28|28"));
}

TEST_F(EngineFaultsTest, NothingButDeniedProcessesIsAnError) {
  faulty_.Fail("proc/*/smaps", EACCES);
  // Who is root already needs other advice.
  std::string advice = geteuid() == 0
                           ? "root needs CAP_SYS_PTRACE for this, and has not got it here"
                           : "run it as root, or as the user who owns the process";
  EXPECT_EQ(
      Message(ProcessesWithPid({100, 101})),
      "no permission to read the memory layout of process 100 (server) and 1 more; " + advice);
  EXPECT_EQ(Message(ProcessesWithPid({101})),
            "no permission to read the memory layout of process 101 (worker); " + advice);
}

TEST_F(EngineFaultsTest, MapsStandsInForSmaps) {
  machine_.reader().Remove("proc/100/smaps");
  EXPECT_EQ(file().exit_code(), kExitWithGaps);
  EXPECT_THAT(file().Gaps(), ElementsAre("smaps|No such file or directory"));
  EXPECT_THAT(file().Rows("SELECT mapping_count, rss_kib, kernel_rss_kib FROM process_usage "
                          "WHERE pid = 100"),
              ElementsAre("5|24|NULL"));
}

TEST_F(EngineFaultsTest, MalformedSmapsIsQuoted) {
  machine_.reader().AddText("proc/100/smaps", "400000-401000 rwxq nonsense\n");
  EXPECT_EQ(file().exit_code(), kExitWithGaps);
  EXPECT_THAT(file().Gaps(), ElementsAre("maps|maps has a line that cannot be read: "
                                         "\"400000-401000 rwxq nonsense\""));
  EXPECT_THAT(file().Rows("SELECT rss_kib FROM process_usage WHERE pid = 100"),
              ElementsAre("NULL"));
}

// From another machine's tree; no kernel writes it.
TEST_F(EngineFaultsTest, ImpossibleMappingsAreAGap) {
  for (const char* line :
       {"0-ffffffffffffffff rw-p 00000000 00:00 0\n", "1000-2000 rw-p 00000000 00:00 0\n"}) {
    machine_.reader().AddText("proc/100/smaps",
                              std::string("1000-3000 rw-p 00000000 00:00 0\n") + line);
    CapturedSnapshot file(faulty_, AllProcesses());
    EXPECT_EQ(file.exit_code(), kExitWithGaps);
    EXPECT_THAT(file.Gaps(), Contains(StartsWith("maps|maps has a line that cannot be read: \"" +
                                                 std::string(line).substr(0, 10))));
    EXPECT_THAT(file.Rows("SELECT mapping_count FROM process WHERE pid = 100"), ElementsAre("1"));
  }
}

// A mapping that grew while smaps was read: no page counts twice, and the figures, which are of all
// of it, are of neither part.
TEST_F(EngineFaultsTest, AMappingThatComesTwiceIsOne) {
  machine_.reader().AddText("proc/100/smaps",
                            "10000-12000 rw-p 00000000 00:00 0\nRss: 8 kB\n"
                            "10000-14000 rw-p 00000000 00:00 0\nRss: 16 kB\n");
  EXPECT_THAT(file().Rows("SELECT d.start, d.end, k.rss_kib FROM mapping_detail d "
                          "JOIN kernel_usage k USING (process_id, mapping_id) WHERE d.pid = 100"),
              ElementsAre("0x10000|0x12000|8", "0x12000|0x14000|NULL"));
}

TEST_F(EngineFaultsTest, SmapsThatBreaksOffKeepsWhatWasRead) {
  faulty_.FailText("proc/100/smaps", 900, EIO);
  EXPECT_EQ(file().exit_code(), kExitWithGaps);
  EXPECT_THAT(file().Gaps(), ElementsAre("maps|Input/output error"));
  EXPECT_THAT(file().Rows("SELECT mapping_count > 0, rss_kib FROM process_usage WHERE pid = 100"),
              ElementsAre("1|NULL"));
}

TEST_F(EngineFaultsTest, UnreadableSystemFilesAreGaps) {
  for (const char* path : {"proc/swaps", "proc/zoneinfo", "proc/meminfo"}) {
    faulty_.Fail(path, EIO);
  }
  EXPECT_EQ(file().exit_code(), kExitWithGaps);
  EXPECT_THAT(file().Gaps(), ElementsAre("swaps|Input/output error", "zoneinfo|Input/output error",
                                         "meminfo|Input/output error"));
  EXPECT_THAT(file().Rows("SELECT rss_kib FROM process_usage WHERE pid = 100"), ElementsAre("24"));
}

TEST_F(EngineFaultsTest, UnreadableKernelReleaseIsAGap) {
  faulty_.Fail("proc/sys/kernel/osrelease", EIO);
  EXPECT_EQ(file().exit_code(), kExitWithGaps);
  EXPECT_THAT(file().Rows("SELECT source FROM gap"), ElementsAre("osrelease"));
}

}  // namespace
}  // namespace pagesnap
