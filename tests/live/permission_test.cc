// What an ordinary user gets: the kernel's own figures, and the reason why there is no more.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LivePermissionTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
    // Where that user can find it, wherever the build is.
    ASSERT_EQ(RunCommand({"cp", BuiltProgram("capture"), program_}).exit_code, 0);
    ASSERT_EQ(RunCommand({"mkdir", "-m", "777", output_}).exit_code, 0);
  }

  TemporaryDirectory directory_;
  std::string program_ = directory_.File("capture");
  std::string output_ = directory_.File("output");
  std::string file_ = output_ + "/own.pagesnap";
};

// Each freeze would have to raise the priority again.
TEST_F(LivePermissionTest, NiceInAFrozenSeriesIsSaidToHaveNoEffect) {
  const std::string note = "capture: note: --nice has no effect in a series with --freeze";
  const std::string script =
      "sleep 60 & \"$1\" -p $! --freeze --nice --interval 0.001 --count 2 -o \"$2\"; kill $!";
  const CommandResult capture = RunCommandAsNobody({"sh", "-c", script, "sh", program_, file_});
  EXPECT_THAT(capture.out, HasSubstr("snapshot 2: ")) << capture.err;
  EXPECT_TRUE(capture.err.starts_with(note)) << capture.err;
  EXPECT_EQ(capture.err.rfind(note), 0u);
}

TEST_F(LivePermissionTest, OwnProcessWithoutPfns) {
  const CommandResult capture =
      RunCommandAsNobody({"sh", "-c", "\"$1\" -p $$ -o \"$2\"; exit $?", "sh", program_, file_});
  EXPECT_EQ(capture.exit_code, 3) << capture.out << capture.err;

  const Json gaps = AnalyzeRows({"sql", file_, "SELECT source, reason FROM gap"});
  ASSERT_EQ(gaps.size(), 1u) << gaps.dump();
  EXPECT_EQ(gaps[0].at("source"), "pagemap");
  EXPECT_THAT(gaps[0].at("reason").get<std::string>(), HasSubstr("PFN"));

  const CommandResult maps = RunAnalyze({"maps", file_, "--format", "json"});
  EXPECT_EQ(maps.exit_code, 0);
  EXPECT_THAT(maps.err, HasSubstr("note: missing"));
  EXPECT_THAT(maps.err, HasSubstr("CAP_SYS_ADMIN"));
  uint64_t kernel_rss_kib = 0;
  const Json rows = Json::parse(maps.out);
  EXPECT_GE(rows.size(), 5u);
  for (const Json& row : rows) {
    for (const char* name : {"rss_kib", "pss_kib", "uss_kib", "swap_kib", "hugetlb_kib"}) {
      // A mapping that holds nothing has 0 of everything, PFNs or not.
      const bool empty = row.at("kernel_rss_kib") == 0;
      if (!empty) {
        EXPECT_TRUE(row.at(name).is_null()) << name << " in " << row.dump();
      }
    }
    kernel_rss_kib += row.at("kernel_rss_kib").get<uint64_t>();
  }
  EXPECT_GT(kernel_rss_kib, 0u);

  const Json processes = AnalyzeRows({"processes", file_});
  ASSERT_EQ(processes.size(), 1u);
  EXPECT_TRUE(processes[0].at("rss_kib").is_null());
  EXPECT_EQ(processes[0].at("kernel_rss_kib"), kernel_rss_kib);

  const CommandResult info = RunAnalyze({"info", file_});
  EXPECT_EQ(info.exit_code, 0);
  EXPECT_THAT(info.out, testing::ContainsRegex("PFNs and swap slots +no: .*CAP_SYS_ADMIN"));
  EXPECT_EQ(RunAnalyze({"check", file_}).exit_code, 3);  // not damaged, but nothing to compare
}

// What needs frames is said to be unknown, and is no zero.
TEST_F(LivePermissionTest, TwoCapturesWithoutPfns) {
  const std::string later = output_ + "/later.pagesnap";
  const CommandResult capture = RunCommandAsNobody(
      {"sh", "-c", "\"$1\" -q -p $$ -o \"$2\"; \"$1\" -q -p $$ -o \"$3\"; exit $?", "sh", program_,
       file_, later});
  ASSERT_EQ(capture.exit_code, 3) << capture.out << capture.err;
  EXPECT_THAT(RunAnalyze({"diff", file_, later}).out,
              testing::ContainsRegex("pages +cannot be told .*PFNs were hidden from capture: moved "
                                     "in swap, copied on write, "));
  const Json total = AnalyzeRows({"diff-total", file_, later}).at(0);
  for (const char* name :
       {"rss_kib", "migrated_count", "copied_on_write_count", "merged_count", "slot_moved_count",
        "collapsed_count", "split_count", "recharged_count", "flags_changed_count"}) {
    EXPECT_TRUE(total.at(name).is_null()) << name;
  }
  EXPECT_GT(total.at("incomparable_count"), 50);
  EXPECT_EQ(total.at("unread_count"), 0);
  auto exit_code = [&](const std::string& expression) {
    return RunAnalyze({"diff", file_, later, "--fail-if", expression}).exit_code;
  };
  EXPECT_EQ(exit_code("migrated_count > 1000000"), 3);
  EXPECT_EQ(exit_code("dropped_count > 1000000"), 0);
  EXPECT_EQ(exit_code("incomparable_count > 0"), 4);
}

TEST_F(LivePermissionTest, ForeignProcessIsAFailureAndNoFile) {
  const CommandResult capture = RunCommandAsNobody({program_, "-p", "1", "-o", file_});
  EXPECT_EQ(capture.exit_code, 1) << capture.out;
  EXPECT_THAT(capture.err, HasSubstr("process 1"));
  EXPECT_THAT(capture.err, HasSubstr("root"));
  EXPECT_EQ(capture.out, "");
  EXPECT_THAT(RunCommand({"ls", "-A", output_}).out, IsEmpty());
}

TEST_F(LivePermissionTest, FileIsForItsOwnerAlone) {
  ASSERT_EQ(RunCapture({"-p", std::to_string(getpid()), "-q", "-o", file_}).exit_code, 0);
  EXPECT_EQ(RunCommand({"stat", "-c", "%a", file_}).out, "600\n");
}

}  // namespace
}  // namespace pagesnap
