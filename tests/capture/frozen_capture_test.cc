// What --freeze reads when, and what it keeps back until the processes run on.
#include "capture/frozen_capture.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "tests/capture/frozen_testing.h"

namespace pagesnap {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

TEST_F(FrozenCaptureTest, PageWordsOfAllComeBeforeSmapsOfAnyAndThenFrames) {
  std::vector<std::string> order;
  machine_.reader().SetOnAccess([&](const std::string& path) {
    const std::string name = path.substr(path.rfind('/') + 1);
    const bool wanted = name == "pagemap" || name == "smaps" || name.starts_with("kpage");
    if (freezer_.IsStopped(100) && wanted && (order.empty() || order.back() != name)) {
      order.push_back(name);
    }
  });
  CapturedSnapshot file(machine_.reader(), Request());
  ASSERT_GE(order.size(), 3U);
  EXPECT_EQ(std::ranges::count(order, "pagemap"), 1);
  EXPECT_EQ(std::ranges::count(order, "smaps"), 1);
  EXPECT_EQ(order[0], "pagemap");
  EXPECT_EQ(order[1], "smaps");
  EXPECT_EQ(file.exit_code(), kExitOk);
  EXPECT_THAT(Frozen(file), ElementsAre("100|1|1", "101|1|1"));
  EXPECT_THAT(file.Rows("SELECT frozen FROM snapshot"), ElementsAre("1"));
}

TEST_F(FrozenCaptureTest, ReadsNothingWhileStoppedThatCanWait) {
  std::set<std::string> read;
  machine_.reader().SetOnAccess([&](const std::string& path) {
    if (freezer_.IsStopped(100)) read.insert(path.substr(path.rfind('/') + 1));
  });
  CapturedSnapshot file(machine_.reader(), Request());
  EXPECT_THAT(read, UnorderedElementsAre("proc", "stat", "maps", "pagemap", "smaps", "kpageflags",
                                         "kpagecount", "kpagecgroup"));
  EXPECT_THAT(file.Rows("SELECT exe, cmdline, uid, cgroup FROM process WHERE pid = 100"),
              ElementsAre("/usr/bin/server|server --port 80|1000|/app.slice"));
}

// How many calls of write(2) and its relatives this process has made.
uint64_t WriteCalls() {
  std::ifstream io("/proc/self/io");
  std::string name;
  for (uint64_t value = 0; io >> name >> value;) {
    if (name == "syscw:") return value;
  }
  return 0;
}

// Counts what is written between the first stop and the last release.
class ProbingFreezer final : public Freezer {
 public:
  std::map<int32_t, Stop> Freeze(std::span<const int32_t> pids) override {
    if (calls_at_stop_ == 0) calls_at_stop_ = WriteCalls();
    return inner_.Freeze(pids);
  }
  std::map<int32_t, Stop> Thaw() override {
    calls_ += WriteCalls() - calls_at_stop_;
    calls_at_stop_ = 0;
    return inner_.Thaw();
  }
  [[nodiscard]] uint64_t calls() const { return calls_; }

 private:
  FakeFreezer inner_;
  uint64_t calls_at_stop_ = 0;
  uint64_t calls_ = 0;
};

// A process whose random frames make a file of several MiB, which is more than SQLite caches.
void AddLargeProcess(MachineTree& machine) {
  std::mt19937_64 random(1);
  std::vector<uint64_t> pages(1'000'000);
  for (uint64_t& page : pages) page = Present(1 + random() % 0x3ffff);
  machine.AddProcess({.pid = 500,
                      .mappings = {{.start = 0x10000000, .pages = pages},
                                   {.start = 0x7f0000000000, .page_count = 8, .path = "/lib/x"}}});
}

TEST_F(FrozenCaptureTest, NothingIsWrittenWhileProcessesAreStopped) {
  if (WriteCalls() == 0) GTEST_SKIP() << "this kernel does not count writes (/proc/self/io)";
  AddLargeProcess(machine_);
  ProbingFreezer freezer;
  CaptureRequest request = Request();
  request.freezer = &freezer;
  request.jobs = 3;
  CapturedSnapshot file(machine_.reader(), request);
  EXPECT_EQ(freezer.calls(), 0U);
  EXPECT_EQ(file.exit_code(), kExitOk);

  // Without it much would have been written by then: the probe sees that.
  uint64_t first = 0;
  uint64_t last = 0;
  machine_.reader().SetOnAccess([&](const std::string& path) {
    if (path.ends_with("pagemap") && first == 0) first = WriteCalls();
    if (path.ends_with("kpagecgroup")) last = WriteCalls();
  });
  CapturedSnapshot running(machine_.reader(), AllProcesses());
  EXPECT_GT(last, first);
}

struct LateCase {
  const char* name;
  const char* path;  // is read next when the processes are released
  const char* late;
};

class FrozenCaptureLateTest : public FrozenCaptureTest,
                              public testing::WithParamInterface<LateCase> {};

TEST_P(FrozenCaptureLateTest, WhatIsReadAfterTheReleaseIsAGap) {
  When(GetParam().path, [this] { ReleaseAll(); });
  CapturedSnapshot file(machine_.reader(), Request());
  EXPECT_EQ(file.exit_code(), kExitWithGaps);
  const std::string reason =
      fmt::format("the limit of 2 s passed: its {} read after it ran on", GetParam().late);
  EXPECT_THAT(FreezeGaps(file), ElementsAre("100|" + reason, "101|" + reason));
  EXPECT_THAT(Frozen(file), ElementsAre("100|0|1", "101|0|1"));
  EXPECT_THAT(file.Rows("SELECT frozen FROM snapshot"), ElementsAre("0"));
  EXPECT_THAT(file.Rows("SELECT rss_kib, kernel_rss_kib FROM process_usage WHERE pid = 100"),
              ElementsAre("24|24"));
}

INSTANTIATE_TEST_SUITE_P(
    Stages, FrozenCaptureLateTest,
    testing::Values(LateCase{"Words", "proc/100/pagemap", "page words, smaps and frames were"},
                    LateCase{"Figures", "proc/100/smaps", "smaps and frames were"},
                    LateCase{"Frames", "proc/kpageflags", "frames were"}),
    [](const auto& late) { return late.param.name; });

TEST_F(FrozenCaptureTest, WithoutFramesOnlyTheFiguresCanBeLate) {
  machine_.HidePfns();
  When("proc/100/smaps", [this] { ReleaseAll(); });
  CapturedSnapshot file(machine_.reader(), Request());
  const std::string reason = "the limit of 2 s passed: its smaps was read after it ran on";
  EXPECT_THAT(FreezeGaps(file), ElementsAre("100|" + reason, "101|" + reason));
}

// What a capture says of processes, pages and frames.
std::vector<std::string> Contents(CapturedSnapshot& file) {
  std::vector<std::string> all;
  for (const char* sql :
       {"SELECT pid, name, exe, cmdline, uid, state, mapping_count FROM process ORDER BY pid",
        "SELECT pid, start, end, perms, path, vm_flags FROM mapping_detail "
        "ORDER BY pid, first_page",
        "SELECT pid, m.first_page, c.first_page, present_count FROM page_chunk c "
        "JOIN mapping m ON m.id = mapping_id JOIN process p ON p.id = process_id ORDER BY 1, 2, 3",
        "SELECT pid, page, page_count, r.state, pfn, flags, map_count FROM page_run r "
        "JOIN process p ON p.id = process_id ORDER BY 1, 2",
        "SELECT pid, m.first_page, rss_kib, pss_kib, uss_kib, swap_kib FROM kernel_usage u "
        "JOIN process p ON p.id = u.process_id JOIN mapping m ON m.id = mapping_id ORDER BY 1, 2",
        "SELECT first_pfn, frame_count, hex(facts) FROM frame_chunk JOIN frame_content n "
        "ON n.id = frame_content_id ORDER BY 1",
        "SELECT inode, path FROM cgroup ORDER BY 1"}) {
    for (std::string& row : file.Rows(sql)) all.push_back(std::move(row));
  }
  return all;
}

TEST_F(FrozenCaptureTest, SaysWhatACaptureOfRunningProcessesSays) {
  CapturedSnapshot running(machine_.reader(), AllProcesses());
  const std::vector<std::string> expected = Contents(running);
  for (const int jobs : {1, 4}) {
    for (const size_t max_bytes : {size_t{0}, size_t{3000}, size_t{1} << 28}) {
      CaptureRequest request = Request();
      request.jobs = jobs;
      request.max_held_bytes = max_bytes;
      CapturedSnapshot file(machine_.reader(), request);
      EXPECT_EQ(Contents(file), expected) << jobs << " jobs, " << max_bytes << " bytes";
      EXPECT_THAT(BrokenInvariants(file.session().database()), IsEmpty());
    }
  }
}

TEST_F(FrozenCaptureTest, ItsOwnClockEndsItToo) {
  CaptureRequest request = Request();
  request.freeze_limit_ns = 1;
  bool stopped_when_smaps_was_read = false;
  machine_.reader().SetOnAccess([&](const std::string& path) {
    if (path.ends_with("smaps")) stopped_when_smaps_was_read |= freezer_.IsStopped(100);
  });
  CapturedSnapshot file(machine_.reader(), request);
  EXPECT_FALSE(stopped_when_smaps_was_read);
  EXPECT_THAT(FreezeGaps(file),
              AllOf(SizeIs(2), Each(HasSubstr("the limit of 1e-09 s passed: its page words"))));
}

TEST_F(FrozenCaptureTest, WhatCannotBeKeptEndsIt) {
  CaptureRequest request = Request();
  request.max_held_bytes = 1;
  CapturedSnapshot file(machine_.reader(), request);
  EXPECT_EQ(file.exit_code(), kExitWithGaps);
  EXPECT_THAT(
      FreezeGaps(file),
      AllOf(SizeIs(2), Each(HasSubstr("what was read took over 1 B of memory: its page words"))));
  EXPECT_THAT(Frozen(file), ElementsAre("100|0|1", "101|0|1"));
}

TEST_F(FrozenCaptureTest, VerifyReadsTheWordsAgainBeforeTheRelease) {
  CaptureRequest request = Request();
  request.verify = true;
  {
    CapturedSnapshot file(machine_.reader(), request);
    EXPECT_THAT(file.Rows("SELECT value FROM system_fact WHERE name = "
                          "'capture.changed_page_count'"),
                ElementsAre("0"));
  }
  When("proc/kpageflags",
       [this] { machine_.reader().AddWords("proc/100/pagemap", 0x500, {Present(0x203)}); });
  CapturedSnapshot file(machine_.reader(), request);
  EXPECT_THAT(file.Rows("SELECT pid, first_page, changed_count FROM mapping JOIN process p "
                        "ON p.id = process_id WHERE changed_count > 0"),
              ElementsAre("100|1280|1"));
}

TEST_F(FrozenCaptureTest, ThePriorityIsNormalWhileProcessesAreStopped) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can raise its priority again";
  const auto nice = [] { return getpriority(PRIO_PROCESS, 0); };
  const Priority priority;
  const int normal = nice();
  priority.Lower(/*raise_later=*/true);
  std::set<int> stopped;
  std::set<int> running;
  machine_.reader().SetOnAccess(
      [&](const std::string&) { (freezer_.IsStopped(100) ? stopped : running).insert(nice()); });
  CaptureRequest request = Request();
  request.priority = &priority;
  CapturedSnapshot file(machine_.reader(), request);
  EXPECT_EQ(nice(), 19);
  priority.Raise();
  EXPECT_EQ(nice(), normal);
  EXPECT_THAT(stopped, ElementsAre(normal));
  EXPECT_THAT(running, ElementsAre(19));
}

TEST_F(FrozenCaptureTest, WhateverEndsTheCaptureReleasesTheProcesses) {
  std::atomic<bool> interrupted = false;
  for (const char* path : {"proc/100/pagemap", "proc/101/pagemap", "proc/kpagecount"}) {
    interrupted = false;
    When(path, [&] { interrupted = true; });
    CaptureRequest request = Request();
    request.interrupted = &interrupted;
    TestFolder folder;
    EXPECT_EQ(ErrorOf([&] {
                WriteSnapshotFile(folder.File("a"), [&](SnapshotWriter& writer) {
                  Progress progress;
                  Capture(request, machine_.reader(), writer, progress);
                });
              }),
              "interrupted; nothing was written");
    EXPECT_FALSE(freezer_.IsStopped(100));
  }
}

}  // namespace
}  // namespace pagesnap
