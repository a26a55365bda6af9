#include "capture/options.h"

#include <gmock/gmock.h>

#include "lib/base/error.h"
#include "tests/support/golden_file.h"

namespace pagesnap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::optional<CaptureOptions> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "capture");
  return ParseCaptureOptions(static_cast<int>(arguments.size()), arguments.data());
}

TEST(CaptureOptionsTest, TakesEverything) {
  const auto options = Parse({"-p", "12,34", "--pid=56", "-n", "post*", "--name", "nginx", "-a",
                              "-o", "x.pagesnap", "--force", "--no-smaps", "--quiet"});
  ASSERT_TRUE(options);
  EXPECT_THAT(options->request.selection.pids, ElementsAre(12, 34, 56));
  EXPECT_THAT(options->request.selection.name_globs, ElementsAre("post*", "nginx"));
  EXPECT_TRUE(options->request.selection.all);
  EXPECT_EQ(options->output, "x.pagesnap");
  EXPECT_TRUE(options->force);
  EXPECT_TRUE(options->quiet);
  EXPECT_EQ(options->request.accounting, Accounting::kNever);
  EXPECT_EQ(options->request.command_line,
            "capture -p 12,34 --pid=56 -n post* --name nginx -a -o x.pagesnap --force --no-smaps "
            "--quiet");
}

// A series stores it with each snapshot.
TEST(CaptureOptionsTest, LongCommandLineIsCut) {
  const std::string name(5000, 'x');
  const auto options = Parse({"-a", "-o", "x", "-n", name.c_str()});
  EXPECT_EQ(options->request.command_line, "capture -a -o x -n " + name.substr(0, 4096 - 19));
}

TEST(CaptureOptionsTest, CmdlineBytes) {
  EXPECT_EQ(Parse({"-a", "-o", "x"})->request.cmdline_bytes, 4096u);
  EXPECT_EQ(Parse({"-a", "-o", "x", "--cmdline-bytes", "0"})->request.cmdline_bytes, 0u);
  EXPECT_EQ(Parse({"-a", "-o", "x", "--cmdline-bytes=1048576"})->request.cmdline_bytes, 1048576u);
  EXPECT_THROW(Parse({"-a", "-o", "x", "--cmdline-bytes", "1048577"}), UsageError);
  EXPECT_THROW(Parse({"-a", "-o", "x", "--cmdline-bytes", "4K"}), UsageError);
}

TEST(CaptureOptionsTest, Budget) {
  EXPECT_EQ(Parse({"-a", "-o", "x"})->request.file_budget_ns, 60'000'000'000);
  EXPECT_EQ(Parse({"-a", "-o", "x", "--budget", "0.25"})->request.file_budget_ns, 250'000'000);
}

// The links of a tree's /proc lead out of it.
TEST(CaptureOptionsTest, WhatIsAskedAboutFiles) {
  const auto all = Parse({"-a", "-o", "x"});
  EXPECT_TRUE(all->request.look_at_files);
  EXPECT_TRUE(all->request.build_ids);
  const auto no_build_ids = Parse({"-a", "-o", "x", "--no-build-id"});
  EXPECT_TRUE(no_build_ids->request.look_at_files);
  EXPECT_FALSE(no_build_ids->request.build_ids);
  EXPECT_FALSE(Parse({"-a", "-o", "x", "--proc-root", "/tree"})->request.look_at_files);
}

TEST(CaptureOptionsTest, LeavesTheRestAsItIs) {
  const auto options = Parse({"-p", "1", "-o", "x"});
  ASSERT_TRUE(options);
  EXPECT_THAT(options->request.selection.name_globs, IsEmpty());
  EXPECT_FALSE(options->request.selection.all);
  EXPECT_FALSE(options->force);
  EXPECT_FALSE(options->quiet);
  EXPECT_EQ(options->request.accounting, Accounting::kBounded);
}

TEST(CaptureOptionsTest, SmapsIsReadOfAllWhenAskedForOrWhenNothingRuns) {
  EXPECT_EQ(Parse({"-p", "1", "-o", "x", "--smaps"})->request.accounting, Accounting::kAlways);
  EXPECT_EQ(Parse({"-p", "1", "-o", "x", "--freeze"})->request.accounting, Accounting::kAlways);
  EXPECT_EQ(Parse({"-p", "1", "-o", "x", "--freeze", "--no-smaps"})->request.accounting,
            Accounting::kNever);
}

TEST(CaptureOptionsTest, MaxSizeIsInBinaryUnits) {
  EXPECT_EQ(Parse({"-a", "-o", "x", "--max-size", "500M"})->max_bytes, uint64_t{500} << 20);
  EXPECT_EQ(Parse({"-a", "-o", "x"})->max_bytes, std::nullopt);
}

TEST(CaptureOptionsTest, PrintsHelpAndVersion) {
  testing::internal::CaptureStdout();
  EXPECT_FALSE(Parse({"--help"}));
  EXPECT_FALSE(Parse({"-h"}));
  EXPECT_FALSE(Parse({"--version"}));
  const std::string printed = testing::internal::GetCapturedStdout();
  EXPECT_THAT(printed, testing::HasSubstr("Usage: capture"));
  EXPECT_THAT(printed, testing::HasSubstr("--no-smaps"));
  EXPECT_THAT(printed, testing::ContainsRegex("capture \\(pagesnap\\) [0-9.]+, (commit [0-9a-f]{12}"
                                              "(-dirty)?, )?format version [0-9]+\n"));
}

TEST(CaptureOptionsTest, FreezeLimit) {
  EXPECT_EQ(Parse({"-p", "1", "-o", "x", "--freeze"})->request.freeze_limit_ns, 2'000'000'000);
  EXPECT_EQ(
      Parse({"-p", "1", "-o", "x", "--freeze", "--freeze-limit", "0.25"})->request.freeze_limit_ns,
      250'000'000);
}

TEST(CaptureOptionsTest, Durations) {
  auto interval = [](const char* text) {
    return Parse({"-a", "-o", "x", "--interval", text})->interval_ns;
  };
  EXPECT_EQ(interval("500ms"), 500'000'000);
  EXPECT_EQ(interval("1"), 1'000'000'000);
  EXPECT_EQ(interval("0.25"), 250'000'000);
  EXPECT_EQ(interval("1.5s"), 1'500'000'000);
  EXPECT_EQ(interval("5m"), 300'000'000'000);
  EXPECT_EQ(interval("2h"), 7'200'000'000'000);
  EXPECT_EQ(interval("1d"), 86'400'000'000'000);
}

// All behind -- is the program's.
TEST(CaptureOptionsTest, ACommand) {
  const auto options = Parse({"-o", "x", "--at", "2s", "--", "ls", "-a", "--", "b"});
  EXPECT_THAT(options->command, ElementsAre("ls", "-a", "--", "b"));
  EXPECT_EQ(options->command_at_ns, 2'000'000'000);
  EXPECT_FALSE(options->request.selection.all);
}

TEST(CaptureOptionsTest, WithoutAFileANameIsMade) { EXPECT_EQ(Parse({"-a"})->output, ""); }

// What users read when something is wrong, side by side: a line each, that names the way out.
TEST(CaptureOptionsTest, Errors) {
  const std::vector<std::vector<const char*>> kCommands = {
      {},
      {"-o", "x"},
      {"1234"},
      {"nginx"},
      {"-a", "x.pagesnap"},
      {"-p", "1", "2"},
      {"-a", "-o", ""},
      {"-a", "-o"},
      {"-a", "-o", "x", "-o", "y"},
      {"-p"},
      {"-p", ""},
      {"-p", "12x"},
      {"-p", "0"},
      {"-p", "-1"},
      {"-p", "2147483648"},
      {"-p", "1,,2"},
      {"--pids", "1"},
      {"-x"},
      {"-a", "--bogus"},
      {"-a", "--intreval", "5"},
      {"-a", "--force=1"},
      {"-a", "--interval", "0"},
      {"-a", "--interval", "0.0009", "--count", "1"},
      {"-a", "--interval", "often"},
      {"-a", "--interval", "5min"},
      {"-a", "--count", "3"},
      {"-a", "--interval", "1", "--count", "0"},
      {"-a", "--interval", "1", "-o", "-"},
      {"-a", "--freeze-limit", "1"},
      {"-a", "--freeze", "--freeze-limit", "0"},
      {"-a", "--freeze", "--freeze-limit", "2h"},
      {"-a", "--freeze", "--freeze-limit", "nan"},
      {"-a", "--freeze", "--proc-root", "/tree"},
      {"--frames", "all", "--freeze"},
      {"--frames", "some"},
      {"-a", "--budget", "-1"},
      {"-a", "--jobs", "0"},
      {"-a", "--jobs", "many"},
      {"-a", "--max-size", "0"},
      {"-a", "--max-size", "1.5G"},
      {"-a", "--cmdline-bytes", "4K"},
      {"-a", "--smaps", "--no-smaps"},
      {"--"},
      {"-a", "--", "true"},
      {"--freeze", "--", "true"},
      {"-a", "--at", "5s"},
      {"--at", "soon", "--", "true"},
  };
  std::string text;
  for (const std::vector<const char*>& command : kCommands) {
    text += "capture";
    for (const std::string argument : command) text += " " + (argument.empty() ? "''" : argument);
    try {
      Parse(command);
      ADD_FAILURE() << "taken for good: " << text;
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n")));
      text += std::string("\n  ") + error.what() + "\n";
    }
  }
  ExpectGolden("capture_errors.txt", text);
}

}  // namespace
}  // namespace pagesnap
