// 'capture -- COMMAND': a program is captured when it is about to end, and ends as it would have.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

using testing::HasSubstr;

class CommandCaptureTest : public testing::Test {
 protected:
  CommandResult Run(std::vector<std::string> command, std::vector<std::string> options = {}) {
    options.insert(options.end(), {"--force", "-o", File(), "--"});
    options.insert(options.end(), command.begin(), command.end());
    return RunCapture(options);
  }
  CommandResult RunTarget(const std::string& way) { return Run({PAGESNAP_ENDING_TARGET, way}); }
  [[nodiscard]] std::string File() const { return directory_.File("a.pagesnap"); }
  // Without privileges the kernel's own figures say it.
  [[nodiscard]] int64_t RssKib() const {
    return AnalyzeRows({"sql", File(),
                        "SELECT COALESCE(rss_kib, kernel_rss_kib) AS kib FROM process_usage"})
        .at(0)["kib"];
  }
  const TemporaryDirectory directory_;
};

constexpr int64_t kMemoryKib = 32 << 10;

TEST_F(CommandCaptureTest, HasItsMemoryHoweverItEnds) {
  const std::vector<std::pair<std::string, int>> kWays = {{"return", 3},
                                                          {"_exit", 4},
                                                          {"thread", 5},
                                                          {"leaderless", 6},
                                                          {"exec", 3},
                                                          {std::to_string(SIGSEGV), 128 + SIGSEGV},
                                                          {std::to_string(SIGTERM), 128 + SIGTERM}};
  for (const auto& [way, exit_code] : kWays) {
    const CommandResult result = RunTarget(way);
    EXPECT_EQ(result.exit_code, exit_code) << way << ": " << result.err;
    EXPECT_THAT(result.err, HasSubstr("captured 1 process")) << way;
    EXPECT_EQ(result.out, "") << way;
    EXPECT_GE(RssKib(), kMemoryKib) << way;
    EXPECT_LT(RssKib(), 2 * kMemoryKib) << way;
  }
}

// A signal that cannot be handled may leave no time; then that is said, and there is no file.
TEST_F(CommandCaptureTest, KilledIsCapturedOrSaidNotToBe) {
  const CommandResult result = RunTarget("killed");
  EXPECT_EQ(result.exit_code, 128 + SIGKILL);
  if (result.err.find("captured 1 process") == std::string::npos) {
    EXPECT_THAT(result.err, HasSubstr("was killed before it could be captured"));
    EXPECT_THAT(directory_.Names(), testing::IsEmpty());
  }
}

// Its streams are its own, and 0 is no longer its code when the capture has failed.
TEST_F(CommandCaptureTest, ItsStreamsAndCodeAreItsOwn) {
  const CommandResult result = Run({"sh", "-c", "echo out; echo err >&2; exit 9"});
  EXPECT_EQ(result.out, "out\n");
  EXPECT_THAT(result.err, HasSubstr("err\n"));
  EXPECT_EQ(result.exit_code, 9);
  EXPECT_EQ(RunCapture({"-o", "/nowhere/a.pagesnap", "--", "true"}).exit_code, 1);
  EXPECT_EQ(RunCapture({"-o", "/nowhere/a.pagesnap", "--", "sh", "-c", "exit 9"}).exit_code, 9);
}

// What stands at its exit has not moved; what is captured at a time runs on.
TEST_F(CommandCaptureTest, InfoSaysWhetherItRanOn) {
  auto stopped = [this] {
    for (const auto& line : AnalyzeRows({"info", File()})) {
      if (line["fact"] == "processes stopped") return line["value"].get<std::string>();
    }
    return std::string();
  };
  Run({"true"});
  EXPECT_EQ(stopped(), "yes: the program stood at its exit, where capture held it");
  Run({"sleep", "1"}, {"--at", "300ms"});
  EXPECT_EQ(stopped(), "no: they ran on");
}

TEST_F(CommandCaptureTest, AtATime) {
  EXPECT_THAT(Run({"sh", "-c", "sleep 1; exit 8"}, {"--at", "300ms"}).exit_code, 8);
  EXPECT_GT(RssKib(), 0);
  const CommandResult early = RunCapture({"--at", "1m", "-o", directory_.File("b"), "--", "true"});
  EXPECT_EQ(early.exit_code, 1);
  EXPECT_THAT(early.err, HasSubstr("true ended before it could be captured"));
  EXPECT_THAT(directory_.Names(), testing::ElementsAre("a.pagesnap"));
}

TEST_F(CommandCaptureTest, WhatCannotBeRunIsSaid) {
  const CommandResult result = Run({"/nowhere/program"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err, "capture: /nowhere/program cannot be run: No such file or directory\n");
  EXPECT_THAT(directory_.Names(), testing::IsEmpty());
}

}  // namespace
}  // namespace pagesnap
