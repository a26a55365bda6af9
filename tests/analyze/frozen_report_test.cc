// What reports say of a capture that stopped its processes.
#include <gmock/gmock.h>

#include "tests/support/captured_snapshot.h"
#include "tests/support/fake_freezer.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class FrozenReportTest : public testing::Test {
 protected:
  FrozenReportTest() { FillSampleMachine(machine_); }
  CapturedSnapshot Capture(Freezer* freezer) {
    CaptureRequest request = AllProcesses();
    request.freezer = freezer;
    return CapturedSnapshot(machine_.reader(), request);
  }
  // Makes the kernel's figures of process 101 differ from its pages.
  void MakeWorkerDiffer() {
    std::string smaps = ReadWholeText(machine_.reader(), "proc/101/smaps");
    const size_t place = smaps.find("16 kB", smaps.find("Rss:", smaps.find("7f2000000000")));
    ASSERT_NE(place, std::string::npos);
    machine_.reader().AddText("proc/101/smaps", smaps.replace(place, 2, "20"));
  }

  MachineTree machine_;
  FakeFreezer freezer_;
};

TEST_F(FrozenReportTest, CheckComparesWhatWasFrozen) {
  MakeWorkerDiffer();
  const CapturedSnapshot file = Capture(&freezer_);
  const ReportResult check = RunReport({"check", file.path()});
  EXPECT_EQ(check.code, kExitWithGaps);
  EXPECT_THAT(check.out, HasSubstr("differ from smaps"));
  EXPECT_THAT(check.out, Not(HasSubstr("not compared")));
}

TEST_F(FrozenReportTest, CheckDoesNotCompareWhatRanOn) {
  MakeWorkerDiffer();
  freezer_.SetProblem(101, "a debugger holds it");
  const CapturedSnapshot file = Capture(&freezer_);
  const ReportResult check = RunReport({"check", file.path()});
  EXPECT_EQ(check.code, kExitOk) << check.out;
  EXPECT_THAT(check.out, HasSubstr("5 mappings, 2 not compared: their processes ran"));
  EXPECT_THAT(check.out, Not(HasSubstr("differ")));
}

TEST_F(FrozenReportTest, CheckKnowsNothingWhenAllRanOn) {
  for (int32_t pid : {100, 101}) freezer_.SetProblem(pid, "a debugger holds it");
  const CapturedSnapshot file = Capture(&freezer_);
  const ReportResult check = RunReport({"check", file.path()});
  EXPECT_EQ(check.code, kExitWithGaps);
  EXPECT_THAT(check.out, ContainsRegex("rss +unknown +0 mappings, 7 not compared"));
}

TEST_F(FrozenReportTest, CheckComparesRunningProcessesOfACaptureWithoutFreeze) {
  MakeWorkerDiffer();
  const CapturedSnapshot file = Capture(nullptr);
  EXPECT_THAT(RunReport({"check", file.path()}).out, HasSubstr("differ from smaps"));
}

TEST_F(FrozenReportTest, InfoSaysForHowLong) {
  const CapturedSnapshot file = Capture(&freezer_);
  const std::string info = RunReport({"info", file.path()}).out;
  EXPECT_THAT(info, ContainsRegex("processes stopped +2 of 4 stopped, for .* in all; 1 kernel "
                                  "thread; 1 had ended\n"));
  EXPECT_THAT(info, ContainsRegex("stopped: pid 100 +[0-9.]+ [num]?s, server\n"));
  EXPECT_THAT(info, ContainsRegex("stopped: pid 101 +[0-9.]+ [num]?s, worker\n"));
  EXPECT_THAT(info, Not(HasSubstr("stopped: others")));
}

TEST_F(FrozenReportTest, InfoNamesFiveOfMany) {
  for (int32_t pid = 400; pid < 407; ++pid) machine_.AddProcess({.pid = pid});
  freezer_.SetProblem(101, "a debugger holds it");
  const CapturedSnapshot file = Capture(&freezer_);
  const std::string info = RunReport({"info", file.path()}).out;
  EXPECT_THAT(info,
              ContainsRegex("processes stopped +in part: 8 of 11 stopped, for .* in all; 1 not "
                            "stopped: see gaps; 1 kernel"));
  EXPECT_THAT(info, ContainsRegex("stopped: others +3 more, none of them for longer"));
}

TEST_F(FrozenReportTest, InfoSaysWhoWasNotStopped) {
  machine_.AddProcess({.pid = 400});
  freezer_.SetExempt(400);
  freezer_.SetProblem(101, "it did not stop: uninterruptible sleep", /*partly=*/true);
  const CapturedSnapshot file = Capture(&freezer_);
  const std::string info = RunReport({"info", file.path()}).out;
  EXPECT_THAT(info, ContainsRegex("processes stopped +in part: 1 of 5 stopped, for .* in all; 1 "
                                  "held up, but not stopped while all was read: see gaps; 1 ran "
                                  "on: capture, its tracer and their ancestors; 1 kernel"));
  EXPECT_THAT(info, ContainsRegex("held up: pid 101 +[0-9.]+ [num]?s, worker; it did not stop: "
                                  "uninterruptible sleep\n"));
}

TEST_F(FrozenReportTest, InfoOfRunningProcessesSaysSo) {
  const CapturedSnapshot file = Capture(nullptr);
  const std::string info = RunReport({"info", file.path()}).out;
  EXPECT_THAT(info, ContainsRegex("processes stopped +no: they ran on"));
  EXPECT_THAT(info, Not(HasSubstr("stopped: pid")));
}

}  // namespace
}  // namespace pagesnap
