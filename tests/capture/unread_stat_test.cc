// A search that finds a process whose stat cannot be read.
#include <gmock/gmock.h>

#include <cerrno>

#include "tests/support/captured_snapshot.h"
#include "tests/support/fake_freezer.h"
#include "tests/support/faulty_reader.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr char kNonsense[] = "100 (server S 1";

class UnreadStatTest : public testing::Test {
 protected:
  UnreadStatTest() {
    FillSampleMachine(machine_);
    machine_.reader().AddText("proc/100/stat", kNonsense);
  }
  static std::vector<std::string> Processes(CapturedSnapshot& file) {
    return file.Rows(
        "SELECT pid, name, start_time_ticks, mapping_count > 0, (SELECT group_concat(source) FROM "
        "gap WHERE process_id = p.id) FROM process p WHERE pid IN (100, 101) ORDER BY pid");
  }
  static constexpr char kStatus[] =
      "Name:\tserver\nState:\tS (sleeping)\nPid:\t100\nPPid:\t1\n"
      "Uid:\t6\t7\t8\t9\nThreads:\t1\n";

  MachineTree machine_;
};

TEST_F(UnreadStatTest, IsAGapOfThatProcessOfWhichTheRestIsRead) {
  machine_.reader().AddText("proc/100/status", kStatus);
  for (const bool frozen : {false, true}) {
    FakeFreezer freezer;
    CaptureRequest request = AllProcesses();
    if (frozen) request.freezer = &freezer;
    CapturedSnapshot file(machine_.reader(), request);
    EXPECT_EQ(file.exit_code(), kExitWithGaps);
    EXPECT_THAT(Processes(file), ElementsAre("100|server|0|1|stat", "101|worker|5001|1|NULL"));
    EXPECT_THAT(file.Gaps(), ElementsAre(HasSubstr("100 (server S 1")));
  }
}

TEST_F(UnreadStatTest, AFileThatCannotBeReadIsOneToo) {
  FaultyReader faulty(machine_.reader());
  faulty.Fail("proc/100/stat", EMEDIUMTYPE);
  CapturedSnapshot file(faulty);
  EXPECT_THAT(file.Gaps(), ElementsAre("stat|Wrong medium type"));
}

TEST_F(UnreadStatTest, WithoutStatusOnlyThePidIsKnown) {
  machine_.reader().Remove("proc/100/status");
  CapturedSnapshot file(machine_.reader());
  EXPECT_THAT(Processes(file), ElementsAre("100||0|1|stat", "101|worker|5001|1|NULL"));
}

TEST_F(UnreadStatTest, WhetherASearchIsForItMayBeUnknown) {
  CaptureRequest request = AllProcesses();
  request.selection = {.name_globs = {"worker"}};
  machine_.reader().AddText("proc/100/status", kStatus);
  EXPECT_EQ(CapturedSnapshot(machine_.reader(), request).exit_code(), kExitOk);
  machine_.reader().Remove("proc/100/status");
  CapturedSnapshot file(machine_.reader(), request);
  EXPECT_THAT(
      file.Gaps(),
      ElementsAre(StartsWith("stat|whether process 100 is one of those to capture is unknown: ")));
}

TEST_F(UnreadStatTest, OfANamedProcessItIsAnError) {
  machine_.reader().AddText("proc/100/status", kStatus);
  for (const Selection& selection :
       {Selection{.pids = {100}}, Selection{.pids = {100}, .all = true},
        Selection{.tree_roots = {100}}}) {
    CaptureRequest request = AllProcesses();
    request.selection = selection;
    EXPECT_THAT(ErrorOf([&] { CapturedSnapshot(machine_.reader(), request); }),
                HasSubstr("100 (server S 1"));
  }
}

}  // namespace
}  // namespace pagesnap
