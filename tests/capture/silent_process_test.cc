// Processes that do not answer: nothing of them is read that could wait, and they are gaps.
#include <gmock/gmock.h>

#include "tests/support/captured_snapshot.h"
#include "tests/support/fake_freezer.h"
#include "tests/support/fake_prober.h"
#include "tests/support/sample_machine.h"

namespace pagesnap {
namespace {

using std::chrono::milliseconds;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

class SilentProcessTest : public testing::Test {
 protected:
  SilentProcessTest() {
    FillSampleMachine(machine_);
    machine_.reader().AddText("proc/101/status",
                              "Name:\tworker\nState:\tD (disk sleep)\nPid:\t101\nPPid:\t100\n"
                              "Uid:\t6\t7\t8\t9\nThreads:\t3\n");
    machine_.reader().SetOnAccess([this](const std::string& path) {
      const std::string process = "proc/101/";
      if (path.starts_with(process)) read_.insert(path.substr(process.size()));
    });
  }
  CaptureRequest Request() {
    CaptureRequest request = AllProcesses();
    request.prober = &prober_;
    return request;
  }
  static std::vector<std::string> Facts(CapturedSnapshot& file) {
    return file.Rows(
        "SELECT pid, ppid, name, state, start_time_ticks, exe, cmdline, uid, thread_count, "
        "mapping_count, frozen FROM process WHERE pid = 101");
  }
  static constexpr char kGap[] =
      "maps|the process does not answer: it, or another process, keeps the lock on its memory, or "
      "its execve does not end";

  MachineTree machine_;
  FakeProber prober_;
  std::set<std::string> read_;  // files of process 101
};

TEST_F(SilentProcessTest, IsAGapAndTheOthersAreRead) {
  prober_.SetSilent(101);
  CapturedSnapshot file(machine_.reader(), Request());
  EXPECT_EQ(file.exit_code(), kExitWithGaps);
  EXPECT_THAT(file.Gaps(), ElementsAre(kGap));
  EXPECT_THAT(Facts(file), ElementsAre("101|100|worker|S|5001|NULL|NULL|6|4|0|0"));
  EXPECT_THAT(read_, testing::UnorderedElementsAre("stat", "status", "cgroup"));
  EXPECT_THAT(file.Rows("SELECT count(*) > 2 FROM mapping JOIN process p ON p.id = process_id "
                        "WHERE pid = 100"),
              ElementsAre("1"));
  EXPECT_THAT(BrokenInvariants(file.session().database()), IsEmpty());
}

TEST_F(SilentProcessTest, WithoutStatItHasWhatStatusSays) {
  prober_.SetSilent(101, /*stat_too=*/true);
  CapturedSnapshot file(machine_.reader(), Request());
  EXPECT_THAT(file.Gaps(), ElementsAre(kGap));
  EXPECT_THAT(Facts(file), ElementsAre("101|100|worker|D|0|NULL|NULL|6|3|0|0"));
  EXPECT_THAT(read_, Not(Contains("stat")));
}

TEST_F(SilentProcessTest, NamedByPid) {
  prober_.SetSilent(101, /*stat_too=*/true);
  CaptureRequest request = Request();
  request.selection = ProcessesWithPid({101}).selection;
  CapturedSnapshot file(machine_.reader(), request);
  EXPECT_THAT(file.Gaps(), ElementsAre(kGap));
  EXPECT_THAT(read_, Not(Contains("stat")));
}

TEST_F(SilentProcessTest, IsNotStopped) {
  prober_.SetSilent(101);
  FakeFreezer freezer;
  CaptureRequest request = Request();
  request.freezer = &freezer;
  CapturedSnapshot file(machine_.reader(), request);
  EXPECT_THAT(freezer.calls(), ElementsAre(ElementsAre(100)));
  EXPECT_THAT(file.Gaps(), ElementsAre(kGap));
  EXPECT_THAT(file.Rows("SELECT frozen FROM snapshot"), ElementsAre("0"));
  EXPECT_THAT(file.Rows("SELECT pid, frozen, stopped_ns IS NOT NULL FROM process "
                        "WHERE pid IN (100, 101) ORDER BY pid"),
              ElementsAre("100|1|1", "101|0|0"));
}

// Whoever is silent costs the time of the question each time.
class CountingProber final : public Prober {
 public:
  void BeginPhase() override {}
  std::set<int32_t> FindSilent(std::span<const int32_t> pids, Question question,
                               milliseconds patience) override {
    for (const int32_t pid : pids) ++asked[{pid, question}];
    return prober.FindSilent(pids, question, patience);
  }

  FakeProber prober;
  std::map<std::pair<int32_t, Question>, int> asked;
};

TEST_F(SilentProcessTest, EachProcessIsAskedOnce) {
  CountingProber prober;
  prober.prober.SetSilent(101, /*stat_too=*/true);
  for (const Selection& selection :
       {Selection{.all = true}, Selection{.pids = {101, 100}},
        Selection{.pids = {101}, .tree_roots = {101}, .name_globs = {"server"}}}) {
    prober.asked.clear();
    FakeFreezer freezer;
    CaptureRequest request = AllProcesses();
    request.selection = selection;
    request.prober = &prober;
    request.freezer = &freezer;
    CapturedSnapshot file(machine_.reader(), request);
    EXPECT_EQ(prober.asked.count({100, Prober::Question::kMemory}), 1u);
    EXPECT_EQ(prober.asked.count({101, Prober::Question::kStat}), 1u);
    for (const auto& [question, count] : prober.asked) {
      EXPECT_EQ(count, 1) << question.first;
    }
  }
}

// One that started while others were stopped must not keep them waiting.
TEST_F(SilentProcessTest, StartedDuringTheStop) {
  FakeFreezer freezer;
  machine_.reader().SetOnAccess([&, done = false](const std::string& path) mutable {
    if (done || path != "proc" || !freezer.IsStopped(100)) return;
    done = true;
    prober_.SetSilent(500);
    machine_.AddProcess({.pid = 500, .name = "late"});
  });
  CaptureRequest request = Request();
  request.freezer = &freezer;
  CapturedSnapshot file(machine_.reader(), request);
  EXPECT_THAT(freezer.calls(), Each(Not(Contains(500))));
  EXPECT_THAT(file.Gaps(), ElementsAre(kGap));
  const auto asked = std::ranges::find(prober_.calls(), std::vector<int32_t>{500});
  ASSERT_NE(asked, prober_.calls().end());
  EXPECT_EQ(prober_.patience()[asked - prober_.calls().begin()], Prober::kShortPatience);
}

TEST_F(SilentProcessTest, PatienceIsTheBudgetWithinLimits) {
  for (const auto& [budget_ns, patience] :
       std::map<int64_t, milliseconds>{{0, milliseconds(100)},
                                       {500'000'000, milliseconds(500)},
                                       {60'000'000'000, milliseconds(2000)}}) {
    FakeProber prober;
    CaptureRequest request = AllProcesses();
    request.prober = &prober;
    request.file_budget_ns = budget_ns;
    CapturedSnapshot file(machine_.reader(), request);
    ASSERT_FALSE(prober.patience().empty());
    EXPECT_TRUE(std::ranges::count(prober.patience(), patience) > 0) << budget_ns;
  }
}

}  // namespace
}  // namespace pagesnap
