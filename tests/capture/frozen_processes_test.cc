// What --freeze says of processes that do not stop, end or start meanwhile, or run another program.
#include <gmock/gmock.h>

#include "capture/run.h"
#include "tests/capture/frozen_testing.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(FrozenCaptureTest, AProcessThatIsKilledMeanwhileHasEnded) {
  for (const char* path : {"proc/101/maps", "proc/101/pagemap", "proc/101/smaps"}) {
    SCOPED_TRACE(path);
    MachineTree fresh;
    FillSampleMachine(fresh);
    fresh.reader().SetOnAccess([&](const std::string& read) {
      if (read != path || !freezer_.IsStopped(101)) return;
      fresh.reader().Remove("proc/101");
      freezer_.Release(101, /*ended=*/true);
    });
    CapturedSnapshot file(fresh.reader(), Request());
    EXPECT_EQ(file.exit_code(), kExitOk);
    EXPECT_THAT(file.Gaps(), IsEmpty());
    EXPECT_THAT(file.Rows("SELECT pid FROM process WHERE ended"), ElementsAre("101"));
    EXPECT_THAT(Frozen(file), ElementsAre("100|1|1", "101|0|1"));
    EXPECT_THAT(file.Rows("SELECT frozen FROM snapshot"), ElementsAre("0"));
  }
}

TEST_F(FrozenCaptureTest, AProcessThatIsKilledBeforeItsFramesAreReadHasEnded) {
  When("proc/kpageflags", [this] {
    machine_.reader().Remove("proc/101");
    freezer_.Release(101, /*ended=*/true);
  });
  CapturedSnapshot file(machine_.reader(), Request());
  EXPECT_THAT(file.Gaps(), IsEmpty());
  EXPECT_THAT(file.Rows("SELECT pid FROM process WHERE ended"), ElementsAre("101"));
  EXPECT_THAT(Frozen(file), ElementsAre("100|1|1", "101|0|1"));
}

TEST_F(FrozenCaptureTest, AnExemptProcessRunsOnAndIsNoGap) {
  freezer_.SetExempt(101);
  CapturedSnapshot file(machine_.reader(), Request());
  EXPECT_EQ(file.exit_code(), kExitOk);
  EXPECT_THAT(Frozen(file), ElementsAre("100|1|1", "101|0|0"));
  EXPECT_THAT(file.Rows("SELECT frozen FROM snapshot"), ElementsAre("1"));
}

TEST_F(FrozenCaptureTest, AProcessThatDoesNotStopIsAGap) {
  freezer_.SetProblem(101, "thread 102 did not stop: uninterruptible sleep", /*partly=*/true);
  CapturedSnapshot file(machine_.reader(), Request());
  EXPECT_EQ(file.exit_code(), kExitWithGaps);
  EXPECT_THAT(FreezeGaps(file), ElementsAre("101|thread 102 did not stop: uninterruptible sleep"));
  // Its other threads stood still meanwhile, and info says for how long.
  EXPECT_THAT(Frozen(file), ElementsAre("100|1|1", "101|0|1"));
  EXPECT_THAT(file.Rows("SELECT frozen FROM snapshot"), ElementsAre("0"));
}

TEST_F(FrozenCaptureTest, AProgramThatIsExecutedBeforeTheStopIsTheOneThatIsCaptured) {
  machine_.reader().SetOnAccess([&](const std::string& path) {
    if (path != "proc/100/cmdline" || !freezer_.calls().empty()) return;
    machine_.SetStat({.pid = 100, .name = "another", .state = 't', .start_stack = 0x7ffdeadbe000});
    machine_.reader().AddText("proc/100/cmdline", std::string("another\0-x\0", 11));
  });
  CapturedSnapshot file(machine_.reader(), Request());
  EXPECT_THAT(file.Gaps(), IsEmpty());
  EXPECT_THAT(file.Rows("SELECT name, cmdline, state FROM process WHERE pid = 100"),
              ElementsAre("another|another -x|S"));
}

TEST_F(FrozenCaptureTest, AProcessThatStartsBeforeItsParentIsStoppedIsFrozenToo) {
  bool started = false;
  machine_.reader().SetOnAccess([&](const std::string& path) {
    if (path != "proc" || freezer_.calls().size() != 1 || started) return;
    started = true;
    machine_.AddProcess({.pid = 102,
                         .ppid = 100,
                         .cmdline = "child",
                         .mappings = {{.pages = PresentRun(0x300, 2)}}});
  });
  CapturedSnapshot file(machine_.reader(), Request());
  EXPECT_EQ(file.exit_code(), kExitOk);
  EXPECT_THAT(freezer_.calls(), ElementsAre(ElementsAre(100, 101), ElementsAre(102)));
  EXPECT_THAT(file.Rows("SELECT frozen, cmdline, mapping_count FROM process WHERE pid = 102"),
              ElementsAre("1|child|1"));
}

TEST_F(FrozenCaptureTest, TheClosingLineSaysWhetherAnyWasStopped) {
  const std::string problem = "it did not stop: uninterruptible sleep";
  auto closing_line = [&](std::vector<int32_t> pids) {
    TestFolder folder;
    CaptureOptions options;
    options.request = Request();
    options.request.selection = {.pids = std::move(pids)};
    options.output = folder.File("a");
    testing::internal::CaptureStdout();
    RunCapture(options, machine_.reader());
    return testing::internal::GetCapturedStdout();
  };
  EXPECT_THAT(closing_line({100, 101}), HasSubstr("; stopped for "));
  freezer_.SetProblem(101, problem, /*partly=*/true);
  EXPECT_THAT(closing_line({100, 101}), HasSubstr("; stopped for "));
  EXPECT_THAT(closing_line({101}), HasSubstr("; tried to stop it for "));
  freezer_.SetProblem(100, problem, /*partly=*/true);
  EXPECT_THAT(closing_line({100, 101}), HasSubstr("; tried to stop them for "));
}

TEST_F(FrozenCaptureTest, EverySnapshotOfASeriesStopsAnew) {
  TestFolder folder;
  CaptureOptions options;
  options.request = Request();
  options.output = folder.File("a");
  options.quiet = true;
  options.interval_ns = 1'000'000;
  options.count = 3;
  EXPECT_EQ(RunCapture(options, machine_.reader()), kExitOk);
  EXPECT_EQ(freezer_.thaw_count(), 3);
  EXPECT_THAT(QueryRows(Session(options.output).database(),
                        "SELECT s.frozen, COUNT(*), SUM(p.frozen) FROM snapshot s JOIN process p "
                        "ON p.snapshot_id = s.id WHERE pid IN (100, 101) GROUP BY s.id"),
              ElementsAre("1|2|2", "1|2|2", "1|2|2"));
}

// A process that was killed while it was stopped, and that its parent has not waited for.
TEST_F(FrozenCaptureTest, AnEndedProcessEndsTheSeriesThatIsAboutIt) {
  EXPECT_EQ(ErrorOf([&] { CapturedSnapshot(machine_.reader(), ProcessesWithPid({300})); }),
            "there is no process 300: it has ended, and its parent has not waited for it yet; "
            "nothing was captured");
}

}  // namespace
}  // namespace pagesnap
