// Which processes a capture is about, on machines where the answer is known.
#include "capture/select.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <mutex>
#include <random>
#include <set>

#include "tests/support/captured_snapshot.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

std::vector<int32_t> Pids(const Selection& selection, ProcReader& reader) {
  std::vector<int32_t> pids;
  for (const ProcessStat& stat : SelectProcesses(selection, reader).processes) {
    pids.push_back(stat.pid);
  }
  return pids;
}

class SelectTest : public testing::Test {
 protected:
  void Add(int32_t pid, int32_t ppid, const std::string& name = "server") {
    machine_.AddProcess({.pid = pid, .name = name, .ppid = ppid});
  }
  void AddIn(int32_t pid, const std::string& cgroup_text) {
    Add(pid, 1);
    machine_.reader().AddText(fmt::format("proc/{}/cgroup", pid), cgroup_text);
  }
  std::vector<int32_t> PidsIn(const std::string& cgroup) {
    return Pids({.cgroups = {cgroup}}, machine_.reader());
  }

  MachineTree machine_;
};

TEST_F(SelectTest, ATreeHasAllDescendantsWhateverTheirPids) {
  Add(1, 0, "init");
  Add(500, 1);
  Add(20, 500);  // pids start again from below when they run out
  Add(600, 20);
  Add(10, 600);
  Add(501, 1);
  EXPECT_THAT(Pids({.tree_roots = {500}}, machine_.reader()), ElementsAre(10, 20, 500, 600));
  EXPECT_THAT(Pids({.tree_roots = {10}}, machine_.reader()), ElementsAre(10));
  EXPECT_THAT(Pids({.tree_roots = {1}}, machine_.reader()), ElementsAre(1, 10, 20, 500, 501, 600));
}

TEST_F(SelectTest, DeepChains) {
  // Each process is found one generation later than its parent, as the pids descend.
  std::vector<int32_t> expected;
  for (int32_t pid = 300; pid < 800; ++pid) {
    Add(pid, pid + 1);
    expected.push_back(pid);
  }
  Add(800, 1);
  expected.push_back(800);
  EXPECT_EQ(Pids({.tree_roots = {800}}, machine_.reader()), expected);
}

TEST_F(SelectTest, TwoRootsOneOfThemInTheTreeOfTheOther) {
  Add(50, 1);
  Add(51, 50);
  Add(52, 51);
  Add(60, 1);
  Add(61, 60);
  EXPECT_THAT(Pids({.tree_roots = {51, 50, 60}}, machine_.reader()),
              ElementsAre(50, 51, 52, 60, 61));
  EXPECT_THAT(Pids({.tree_roots = {51, 60}}, machine_.reader()), ElementsAre(51, 52, 60, 61));
}

TEST_F(SelectTest, ANameMatchesAsItStandsOrAsAGlob) {
  Add(50, 1, "[x]");
  Add(51, 1, "x");
  Add(52, 1, "a\x1b");
  EXPECT_THAT(Pids({.name_globs = {"[x]"}}, machine_.reader()), ElementsAre(50, 51));
  EXPECT_THAT(Pids({.name_globs = {"\\[x]"}}, machine_.reader()), ElementsAre(50));
  EXPECT_THAT(Pids({.name_globs = {"a\\x1b"}}, machine_.reader()), ElementsAre(52));
}

TEST_F(SelectTest, ARootMustExist) {
  Add(50, 1);
  EXPECT_EQ(ErrorOf([&] {
              Pids({.tree_roots = {50, 51}}, machine_.reader());
            }),
            "there is no process 51; nothing was captured");
}

TEST_F(SelectTest, ProcMustBeMounted) {
  machine_.reader().AddText("proc/meminfo", "");
  for (const Selection& selection : {Selection{.all = true}, Selection{.pids = {1}}}) {
    EXPECT_EQ(ErrorOf([&] { SelectProcesses(selection, machine_.reader()); }),
              "/proc shows no process; mount it: mount -t proc proc /proc");
  }
}

TEST_F(SelectTest, CgroupsOfVersion2) {
  AddIn(100, "0::/app/web\n");
  AddIn(101, "0::/app/web/worker\n");
  AddIn(102, "0::/app\n");
  AddIn(103, "0::/application\n");
  AddIn(104, "0::/other/web\n");
  AddIn(105, "0::/\n");
  EXPECT_THAT(PidsIn("/app/web"), ElementsAre(100, 101));
  EXPECT_THAT(PidsIn("/app/web/"), ElementsAre(100, 101));
  EXPECT_THAT(PidsIn("/app"), ElementsAre(100, 101, 102));
  EXPECT_THAT(PidsIn("web"), ElementsAre(100, 101, 104));
  EXPECT_THAT(PidsIn("app/web"), ElementsAre(100, 101));
  EXPECT_THAT(PidsIn("/sys/fs/cgroup/app/web"), ElementsAre(100, 101));
  EXPECT_THAT(PidsIn("/sys/fs/cgroup/app"), ElementsAre(100, 101, 102));
  EXPECT_THAT(PidsIn("/"), ElementsAre(100, 101, 102, 103, 104, 105));
  EXPECT_THAT(PidsIn("/sys/fs/cgroup"), ElementsAre(100, 101, 102, 103, 104, 105));
}

TEST_F(SelectTest, APathBelowTheMountOfVersion2HasNoHierarchyInIt) {
  AddIn(100, "0::/system.slice/app\n");
  AddIn(101, "0::/app\n");
  EXPECT_THAT(PidsIn("/sys/fs/cgroup/system.slice/app"), ElementsAre(100));
}

TEST_F(SelectTest, CgroupsOfVersion1) {
  AddIn(100, "12:memory:/app/web\n3:cpu,cpuacct:/\n1:name=systemd:/system.slice/x.service\n");
  AddIn(101, "12:memory:/\n3:cpu,cpuacct:/app/web\n1:name=systemd:/\n");
  AddIn(102, "12:memory:/app\n3:cpu,cpuacct:/\n0::/unit\n");
  EXPECT_THAT(PidsIn("/app/web"), ElementsAre(100, 101));
  EXPECT_THAT(PidsIn("web"), ElementsAre(100, 101));
  EXPECT_THAT(PidsIn("x.service"), ElementsAre(100));
  // A folder below the mount says which hierarchy is meant.
  EXPECT_THAT(PidsIn("/sys/fs/cgroup/memory/app"), ElementsAre(100, 102));
  EXPECT_THAT(PidsIn("/sys/fs/cgroup/memory/app/web"), ElementsAre(100));
  EXPECT_THAT(PidsIn("/sys/fs/cgroup/cpu,cpuacct/app/web"), ElementsAre(101));
  EXPECT_THAT(PidsIn("/sys/fs/cgroup/cpu"), ElementsAre(100, 101, 102));
  EXPECT_THAT(PidsIn("/sys/fs/cgroup/cpuacct/app/web"), ElementsAre(101));
  EXPECT_THAT(PidsIn("/sys/fs/cgroup/systemd/system.slice"), ElementsAre(100));
  EXPECT_THAT(PidsIn("/sys/fs/cgroup/unified/unit"), ElementsAre(102));
}

// The directory that is mounted is the root of the namespace: "/" of no other hierarchy.
TEST_F(SelectTest, ADirectoryMeansItsOwnHierarchy) {
  machine_.reader().AddText("sys/fs/cgroup/memory/cgroup.procs", "100\n");
  machine_.reader().AddText("proc/self/mountinfo",
                            "31 30 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  AddIn(100, "12:memory:/\n3:cpu,cpuacct:/\n0::/\n");
  AddIn(101, "12:memory:/../other\n3:cpu,cpuacct:/\n0::/\n");
  AddIn(102, "12:memory:/web\n3:cpu,cpuacct:/../..\n0::/\n");
  EXPECT_THAT(PidsIn("/sys/fs/cgroup/memory"), ElementsAre(100, 102));
  EXPECT_THAT(PidsIn("/sys/fs/cgroup/memory/"), ElementsAre(100, 102));
  EXPECT_THAT(PidsIn("/sys/fs/cgroup/memory/web"), ElementsAre(102));
  EXPECT_THAT(PidsIn("/"), ElementsAre(100, 101, 102));
}

TEST_F(SelectTest, ACgroupWithoutProcessesIsAnError) {
  AddIn(100, "0::/app\n");
  for (const char* name : {"nobody", "ap", "/ap", "/app/x", "/sys/fs/cgroup/ap"}) {
    EXPECT_EQ(ErrorOf([&] { PidsIn(name); }),
              fmt::format("no process is in a cgroup '{}'; give its path, as in "
                          "/proc/PID/cgroup, or the name of its directory",
                          name));
  }
}

TEST_F(SelectTest, CombinationsAddUp) {
  AddIn(100, "0::/app\n");
  Add(200, 1, "postgres");
  Add(201, 200, "pgchild");
  Add(300, 1, "nginx");
  Add(301, 300, "nginx");
  Add(400, 1, "alone");
  Add(500, 1, "other");
  const Selection selection = {
      .pids = {400}, .tree_roots = {200}, .cgroups = {"app"}, .name_globs = {"ngi*", "alone"}};
  EXPECT_THAT(Pids(selection, machine_.reader()), ElementsAre(100, 200, 201, 300, 301, 400));
}

// Files of kernel threads are there, and nobody looks.
TEST_F(SelectTest, KernelThreadsAreCountedNotOpened) {
  FillSampleMachine(machine_);
  machine_.AddProcess({.pid = 3, .name = "kworker/0:1", .ppid = 2, .kernel_thread = true});
  // The reader's own pages say nothing, so others are asked whether PFNs can be seen.
  machine_.reader().Remove("proc/self/pagemap");
  std::mutex mutex;
  std::set<std::string> accesses;
  machine_.reader().SetOnAccess([&](const std::string& path) {
    std::lock_guard lock(mutex);
    if (path.starts_with("proc/2/") || path.starts_with("proc/3/")) accesses.insert(path);
  });
  CaptureRequest request = AllProcesses();
  request.verify = true;
  request.jobs = 4;
  CapturedSnapshot file(machine_.reader(), request);
  EXPECT_EQ(file.exit_code(), kExitOk);
  EXPECT_THAT(accesses, ElementsAre("proc/2/stat", "proc/3/stat"));
  EXPECT_THAT(file.Rows("SELECT pid, kernel_thread, mapping_count FROM process "
                        "WHERE pid < 100 ORDER BY pid"),
              ElementsAre("2|1|0", "3|1|0"));
}

constexpr char kStarted[] =
    "SELECT value FROM system_fact WHERE name = 'capture.started_meanwhile'";

// What runs while the machine is being captured.
class MeanwhileTest : public SelectTest {
 protected:
  MeanwhileTest() {
    Add(100, 1, "parent");
    Add(101, 100, "child");
    machine_.reader().SetOnAccess([this](const std::string& path) {
      if (path == "proc/meminfo" && happens_) happens_();
    });
  }
  std::function<void()> happens_;
};

TEST_F(MeanwhileTest, ProcessesThatStartAreSaid) {
  happens_ = [this] {
    Add(90, 101, "grandchild");
    Add(200, 1, "stranger");
  };
  CapturedSnapshot file(machine_.reader(), AllProcesses());
  EXPECT_THAT(file.Rows(kStarted), ElementsAre("90 200"));
  EXPECT_THAT(file.Rows("SELECT pid FROM process"), ElementsAre("100", "101"));
  EXPECT_EQ(file.exit_code(), kExitOk);
}

TEST_F(MeanwhileTest, OnlyThoseOfTheSelectionAreSaid) {
  happens_ = [this] {
    Add(90, 101, "grandchild");
    Add(91, 90, "child");
    Add(200, 1, "stranger");
  };
  CaptureRequest request = AllProcesses();
  request.selection = {.tree_roots = {100}};
  EXPECT_THAT(CapturedSnapshot(machine_.reader(), request).Rows(kStarted), ElementsAre("90 91"));
}

TEST_F(MeanwhileTest, NobodyStartedNothingIsSaid) {
  CapturedSnapshot file(machine_.reader(), AllProcesses());
  EXPECT_THAT(file.Rows(kStarted), IsEmpty());
}

TEST_F(MeanwhileTest, ProcessesNamedByPidHaveNoFollowers) {
  happens_ = [this] { Add(200, 100); };
  CapturedSnapshot file(machine_.reader(), ProcessesWithPid({100}));
  EXPECT_THAT(file.Rows(kStarted), IsEmpty());
}

// Between the selection and the reading of its files, the pid went to another process.
TEST_F(MeanwhileTest, AReusedPidIsSaid) {
  happens_ = [this] {
    machine_.AddProcess({.pid = 101,
                         .name = "another",
                         .ppid = 1,
                         .start_time_ticks = 9000,
                         .mappings = {{.pages = PresentRun(0x300, 3)}}});
  };
  CapturedSnapshot file(machine_.reader(), AllProcesses());
  EXPECT_EQ(file.exit_code(), kExitOk);
  EXPECT_THAT(file.Gaps(), IsEmpty());
  EXPECT_THAT(file.Rows("SELECT pid FROM process WHERE ended"), ElementsAre("101"));
  // The row is that of the process that was selected.
  EXPECT_THAT(file.Rows("SELECT name, start_time_ticks FROM process WHERE pid = 101"),
              ElementsAre("child|5000"));
}

// smaps of a process on its way out is empty, without an error.
TEST_F(MeanwhileTest, AProcessThatEndsUnreadIsRecorded) {
  for (const bool zombie : {true, false}) {
    happens_ = [this, zombie] {
      machine_.AddProcess({.pid = 101, .name = "child", .state = zombie ? 'Z' : 'R', .ppid = 100});
      if (zombie) return;
      std::string stat = ReadWholeText(machine_.reader(), "proc/101/stat");
      const std::string flags = fmt::format(" {} ", 0x400000);
      stat.replace(stat.find(flags), flags.size(), fmt::format(" {} ", 0x400004));  // PF_EXITING
      machine_.reader().AddText("proc/101/stat", stat);
    };
    machine_.AddProcess({.pid = 101, .name = "child", .ppid = 100});
    CapturedSnapshot file(machine_.reader(), AllProcesses());
    EXPECT_EQ(file.exit_code(), kExitOk);
    EXPECT_THAT(file.Gaps(), IsEmpty());
    EXPECT_THAT(file.Rows("SELECT p.pid, p.ended, u.rss_kib, u.virtual_kib FROM process p JOIN "
                          "process_usage u ON u.process_id = p.id WHERE p.pid = 101"),
                ElementsAre("101|1|NULL|NULL"));
  }
}

// Everything that a file says, without ids and without what depends on the clock.
std::vector<std::string> Contents(CapturedSnapshot& file) {
  std::vector<std::string> all;
  for (const char* sql : {
           "SELECT wall_time_ns, boot_time_ns, host, kernel_release, kernel_version, machine, "
           "boot_id, page_size, options, pfn_visible, flags_state, map_count_state, cgroup_state, "
           "frozen FROM snapshot",
           "SELECT pid, ppid, start_time_ticks, name, exe, (SELECT c.cmdline FROM process c "
           "WHERE c.id = p.cmdline_process_id), uid, state, thread_count, "
           "cgroup, kernel_thread, mapping_count FROM process p ORDER BY pid",
           "SELECT pid, start, end, perms, offset, path, device, inode, vm_flags "
           "FROM mapping_detail ORDER BY pid, first_page",
           "SELECT pid, m.first_page, c.first_page, present_count, swapped_count, special_count "
           "FROM page_chunk c "
           "JOIN mapping m ON m.id = mapping_id JOIN process p ON p.id = process_id "
           "ORDER BY 1, 2, 3",
           // What a content is coded against depends on the order.
           "SELECT pid, page, page_count, r.state, pfn, flags, map_count, cgroup_inode "
           "FROM page_run r JOIN process p ON p.id = process_id ORDER BY 1, 2",
           "SELECT pid, row_count FROM kernel_accounting JOIN process p ON p.id = process_id "
           "ORDER BY pid",
           "SELECT pid, first_page, rss_kib, pss_kib, uss_kib, swap_kib, hugetlb_kib, "
           "anonymous_kib FROM kernel_usage u JOIN process p ON p.id = u.process_id "
           "JOIN mapping m ON m.id = mapping_id ORDER BY 1, 2",
           "SELECT COUNT(*) FROM page_content",
           "SELECT first_pfn, frame_count, checksum FROM frame_chunk JOIN frame_content n "
           "ON n.id = frame_content_id ORDER BY 1",
           "SELECT inode, path FROM cgroup ORDER BY 1",
           "SELECT * FROM swap_device ORDER BY 2",
           "SELECT * FROM memory_zone ORDER BY 2, 3",
           "SELECT * FROM system_fact ORDER BY 2",
           "SELECT * FROM flag_name ORDER BY 2, 3",
           "SELECT device, inode, path FROM file ORDER BY 1, 2, 3",
           "SELECT names FROM vm_flags ORDER BY 1",
           "SELECT p.pid, m.first_page, source, first, count, reason FROM gap g "
           "LEFT JOIN process p ON p.id = g.process_id LEFT JOIN mapping m ON m.id = g.mapping_id "
           "ORDER BY 1, 2, 3, 4, 5, 6",
           "SELECT source, call_count >= 0 FROM cost ORDER BY 1",
       }) {
    all.emplace_back(sql);
    for (std::string& row : file.Rows(sql)) all.push_back(std::move(row));
  }
  return all;
}

TEST(JobsTest, OneJobAndFourGiveTheSameSnapshot) {
  MachineTree machine;
  FillSampleMachine(machine);
  std::mt19937_64 random(7);
  // Several parts of one process, many small ones, equal contents in several, and unreadable ones.
  std::vector<uint64_t> pages(300000);
  for (uint64_t& page : pages) page = random() % 3 == 0 ? Present(random() % 0x40000) : 0;
  machine.AddProcess({.pid = 400, .mappings = {{.start = 0x10000000, .pages = pages}}});
  pages.resize(20000);
  for (int32_t pid = 1000; pid < 1040; ++pid) {
    machine.AddProcess({.pid = pid, .mappings = {{.start = 0x10000000, .pages = pages}}});
  }
  machine.reader().Remove("proc/1010/smaps");
  machine.reader().Remove("proc/1011/pagemap");
  CaptureRequest request = AllProcesses();
  request.jobs = 1;
  CapturedSnapshot one(machine.reader(), request);
  const std::vector<std::string> expected = Contents(one);
  EXPECT_THAT(one.Gaps(), Not(IsEmpty()));
  request.jobs = 4;
  for (int i = 0; i < 3; ++i) {
    CapturedSnapshot four(machine.reader(), request);
    EXPECT_EQ(Contents(four), expected);
  }
}

}  // namespace
}  // namespace pagesnap
