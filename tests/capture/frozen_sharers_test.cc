// What --freeze does about processes that share the memory of a selected one.
#include <gmock/gmock.h>

#include "tests/capture/frozen_testing.h"
#include "tests/support/fake_prober.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Process 100 is selected; 150 shares its memory, 151 was forked from it.
class FrozenSharersTest : public FrozenCaptureTest {
 protected:
  FrozenSharersTest() {
    for (int32_t pid : {150, 151}) machine_.AddProcess({.pid = pid});
    for (int32_t pid : {100, 150}) machine_.reader().SetSpace(pid, 7);
    for (int32_t pid : {101, 151}) machine_.reader().SetSpace(pid, static_cast<uint64_t>(pid));
  }
  CaptureRequest Request(std::vector<int32_t> pids = {100}) {
    CaptureRequest request = FrozenCaptureTest::Request();
    request.selection = {.pids = std::move(pids)};
    return request;
  }
};

TEST_F(FrozenSharersTest, ASharerOutsideTheSelectionIsStoppedToo) {
  CapturedSnapshot file(machine_.reader(), Request());
  EXPECT_EQ(file.exit_code(), kExitOk);
  EXPECT_THAT(freezer_.calls(), ElementsAre(ElementsAre(100), ElementsAre(150)));
  EXPECT_THAT(Frozen(file), ElementsAre("100|1|1"));
}

TEST_F(FrozenSharersTest, ASharerThatDoesNotStopIsAGap) {
  freezer_.SetProblem(150, "not permitted");
  CapturedSnapshot file(machine_.reader(), Request());
  EXPECT_EQ(file.exit_code(), kExitWithGaps);
  EXPECT_THAT(FreezeGaps(file),
              ElementsAre("100|process 150, which shares its memory, was not stopped: not "
                          "permitted"));
  EXPECT_THAT(Frozen(file), ElementsAre("100|0|1"));
  EXPECT_THAT(file.Rows("SELECT frozen FROM snapshot"), ElementsAre("0"));
}

TEST_F(FrozenSharersTest, ASharerThatMustRunIsAGap) {
  freezer_.SetExempt(150);
  CapturedSnapshot file(machine_.reader(), Request());
  EXPECT_THAT(FreezeGaps(file),
              ElementsAre("100|process 150, which shares its memory, is capture, an ancestor of it "
                          "or its debugger, and was left running"));
  EXPECT_THAT(Frozen(file), ElementsAre("100|0|1"));
}

TEST_F(FrozenSharersTest, ASharerThatIsSelectedMustHaveBeenStopped) {
  freezer_.SetProblem(150, "busy");
  CapturedSnapshot file(machine_.reader(), Request({100, 101, 150}));
  EXPECT_THAT(
      FreezeGaps(file),
      ElementsAre("100|process 150, which shares its memory, was not stopped: busy", "150|busy"));
  EXPECT_THAT(Frozen(file), ElementsAre("100|0|1", "101|1|1"));
}

TEST_F(FrozenSharersTest, ASharerThatRunsOnTooEarlyIsAGap) {
  When("proc/100/smaps", [this] { freezer_.Release(150); });
  CapturedSnapshot file(machine_.reader(), Request());
  EXPECT_THAT(FreezeGaps(file),
              ElementsAre("100|process 150, which shares its memory, ran on or ended before its "
                          "smaps and frames were read"));
  EXPECT_THAT(Frozen(file), ElementsAre("100|0|1"));
}

// 100 executes another program and starts a process that shares it, after all were listed.
TEST_F(FrozenSharersTest, ASharerThatStartsJustBeforeTheStopIsFound) {
  machine_.reader().SetSpace(150, 8);
  machine_.reader().SetOnAccess([&, lists = 0](const std::string& path) mutable {
    if (path != "proc" || ++lists != 2) return;
    constexpr uint64_t kStack = 0x7ffdeadbe000;
    machine_.AddProcess({.pid = 160, .start_stack = kStack});
    machine_.SetStat({.pid = 100, .start_stack = kStack});
    machine_.reader().SetSpace(160, 7);
  });
  CapturedSnapshot file(machine_.reader(), Request());
  EXPECT_THAT(freezer_.calls(), ElementsAre(ElementsAre(100), ElementsAre(160)));
  EXPECT_THAT(FreezeGaps(file), IsEmpty());
}

// Then the stopped ones run on already.
TEST_F(FrozenSharersTest, AfterTheLimitNobodyIsAsked) {
  for (const bool late : {false, true}) {
    machine_.reader().SetOnAccess([&, lists = 0](const std::string& path) mutable {
      if (path == "proc" && ++lists == 2) machine_.AddProcess({.pid = 160});
    });
    FakeProber prober;
    CaptureRequest request = Request();
    request.prober = &prober;
    if (late) request.freeze_limit_ns = 0;
    CapturedSnapshot file(machine_.reader(), request);
    EXPECT_EQ(std::ranges::count(prober.calls(), std::vector<int32_t>{160}), late ? 0 : 1);
    EXPECT_THAT(file.Rows("SELECT value FROM snapshot_system_fact "
                          "WHERE name = 'capture.sharing_unknown_count'"),
                testing::SizeIs(late ? 1 : 0));
    machine_.reader().Remove("proc/160");
  }
}

TEST_F(FrozenCaptureTest, WhereSharingIsUnknownAFactSaysSo) {
  for (int32_t pid : {150, 151}) machine_.AddProcess({.pid = pid});
  CaptureRequest request = Request();
  request.selection = {.pids = {100}};
  UncomparedReader reader(machine_.reader());
  CapturedSnapshot file(reader, request);
  EXPECT_THAT(file.Gaps(), IsEmpty());
  EXPECT_THAT(file.Rows("SELECT CAST(value AS INTEGER) >= 2 FROM snapshot_system_fact "
                        "WHERE name = 'capture.sharing_unknown_count'"),
              ElementsAre("1"));
}

}  // namespace
}  // namespace pagesnap
