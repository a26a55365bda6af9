// Standard output that takes nothing: an error in every command and format of both programs.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

constexpr char kSample[] = PAGESNAP_FIXTURE_DIR "/../../samples/workload.pagesnap";
constexpr char kTree[] = PAGESNAP_FIXTURE_DIR "/linux-6.1";

// Runs a program of this build with the redirection of the shell.
CommandResult RunWith(const std::string& redirection, const std::string& program,
                      const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {"/bin/sh", "-c", "exec \"$@\" " + redirection, "sh",
                                      BuiltProgram(program)};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return RunCommand(command);
}

const std::vector<std::vector<std::string>> kAnalyzeCommands = {
    {"--help"},
    {"--version"},
    {"list"},
    {"show", "maps"},
    {"maps", "--help"},
    {"sql", "--help"},
    {"sql", kSample, "SELECT 1"},
    {"sql", kSample, "SELECT 1 WHERE 0", "--format", "csv"},
    {"sql", kSample, "SELECT 1 WHERE 0", "--format", "json"},
    {"info", kSample},
    {"info", kSample, "--format", "csv"},
    {"info", kSample, "--format", "json"},
    {"layout", kSample, "--pid", "22911"},  // a picture
    {"pages", kSample, "--format", "json"},
    {"pages", kSample, "--format", "csv"},
    {"pages", kSample, "--limit", "1"},
};

TEST(FailedOutputTest, AFullDiskIsAnErrorOfAnalyze) {
  for (const std::vector<std::string>& arguments : kAnalyzeCommands) {
    const CommandResult result = RunWith(">/dev/full", "analyze", arguments);
    EXPECT_EQ(result.exit_code, 1) << fmt::format("{}", fmt::join(arguments, " "));
    EXPECT_EQ(result.err, "analyze: standard output cannot be written: No space left on device\n");
    EXPECT_EQ(RunAnalyze(arguments).exit_code, 0);
  }
}

TEST(FailedOutputTest, SoIsAClosedOne) {
  for (const std::vector<std::string>& arguments : kAnalyzeCommands) {
    const CommandResult result = RunWith(">&-", "analyze", arguments);
    EXPECT_EQ(result.exit_code, 1) << fmt::format("{}", fmt::join(arguments, " "));
    EXPECT_EQ(result.err, "analyze: standard output cannot be written: Bad file descriptor\n");
  }
  EXPECT_EQ(RunWith(">&-", "capture", {"--help"}).exit_code, 1);
}

// Quietly by SIGPIPE, as most programs; where that is ignored, as an error.
TEST(FailedOutputTest, AClosedPipeEndsAnalyze) {
  const std::string loop =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) "
      "SELECT i FROM n";
  for (const std::string format : {"table", "csv", "json"}) {
    const auto run = [&](const std::string& trap) {
      return RunCommand({"/bin/bash", "-c",
                         trap + "\"$@\" | head -c 1 >/dev/null; echo ${PIPESTATUS[0]}", "bash",
                         BuiltProgram("analyze"), "sql", kSample, loop, "--format", format});
    };
    const CommandResult quiet = run("");
    EXPECT_EQ(quiet.out, "141\n");
    EXPECT_EQ(quiet.err, "");
    const CommandResult told = run("trap '' PIPE; ");
    EXPECT_EQ(told.out, "1\n");
    EXPECT_EQ(told.err, "analyze: standard output cannot be written: Broken pipe\n");
  }
}

TEST(FailedOutputTest, CaptureSaysItOfHelpAndVersion) {
  for (const char* option : {"--help", "--version"}) {
    const CommandResult result = RunWith(">/dev/full", "capture", {option});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.err, "capture: standard output cannot be written: No space left on device\n");
  }
}

// The file is there by then, and stays.
TEST(FailedOutputTest, CaptureSaysItOfItsClosingLine) {
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{}, {"--interval", "0.001", "--count", "2"}}) {
    const TemporaryDirectory directory;
    const std::string file = directory.File("a.pagesnap");
    std::vector<std::string> arguments = {"-a", "--proc-root", kTree, "-o", file};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CommandResult result = RunWith(">/dev/full", "capture", arguments);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.err, "capture: " + file +
                              ": it is complete, but nothing says so: standard output cannot be "
                              "written: No space left on device\n");
    EXPECT_THAT(directory.Names(), ElementsAre("a.pagesnap"));
    EXPECT_EQ(AnalyzeRows({"sql", file, "SELECT * FROM snapshot"}).size(), more.empty() ? 1u : 2u);
    arguments.insert(arguments.end(), {"-q", "--force"});
    EXPECT_EQ(RunWith(">/dev/full", "capture", arguments).exit_code, 0);  // says nothing anyway
  }
}

TEST(FailedOutputTest, CaptureSaysItOfTheFileItself) {
  const CommandResult result =
      RunWith(">/dev/full", "capture", {"-a", "--proc-root", kTree, "-o", "-"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, MatchesRegex("capture: standard output: .*No space left on device; free "
                                       "some, or write it elsewhere\n"));
}

// Messages have no place where their loss could be told.
TEST(FailedOutputTest, LostMessagesChangeNothing) {
  EXPECT_EQ(RunWith("2>/dev/full", "analyze", {"info", kSample}).exit_code, 0);
  EXPECT_EQ(RunWith("2>/dev/full", "analyze", {"nothing"}).exit_code, 2);
  EXPECT_EQ(RunWith("2>&-", "analyze", {"info", kSample}).exit_code, 0);
}

}  // namespace
}  // namespace pagesnap
