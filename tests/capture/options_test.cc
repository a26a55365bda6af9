#include "capture/options.h"

#include <gmock/gmock.h>

#include "lib/base/error.h"

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
  EXPECT_THROW(Parse({"-a", "-o", "x", "--budget", "-1"}), UsageError);
  EXPECT_THROW(Parse({"-a", "-o", "x", "--budget", "a"}), UsageError);
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
  EXPECT_THAT(printed, testing::HasSubstr("capture (pagesnap) "));
}

TEST(CaptureOptionsTest, FreezeLimit) {
  EXPECT_EQ(Parse({"-p", "1", "-o", "x", "--freeze"})->request.freeze_limit_ns, 2'000'000'000);
  EXPECT_EQ(
      Parse({"-p", "1", "-o", "x", "--freeze", "--freeze-limit", "0.25"})->request.freeze_limit_ns,
      250'000'000);
}

struct BadCommandLine {
  std::vector<const char*> arguments;
  const char* message;
};

class BadCaptureOptionsTest : public testing::TestWithParam<BadCommandLine> {};

TEST_P(BadCaptureOptionsTest, IsAUsageError) {
  try {
    Parse(GetParam().arguments);
    FAIL() << "taken for good";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), GetParam().message);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BadCaptureOptionsTest,
    testing::Values(
        BadCommandLine{{},
                       "say which processes to capture: -p PID, -n GLOB, -t PID, -g CGROUP or -a"},
        BadCommandLine{{"-o", "x"},
                       "say which processes to capture: -p PID, -n GLOB, -t PID, -g CGROUP or -a"},
        BadCommandLine{{"-a"}, "say where to write: -o FILE"},
        BadCommandLine{{"-a", "-o", ""}, "say where to write: -o FILE"},
        BadCommandLine{{"-p", "12x", "-o", "x"},
                       "'12x' is not a pid; -p takes numbers, as in -p 1234,1235"},
        BadCommandLine{{"-p", "0", "-o", "x"},
                       "'0' is not a pid; -p takes numbers, as in -p 1234,1235"},
        BadCommandLine{{"-p", "-1", "-o", "x"},
                       "'-1' is not a pid; -p takes numbers, as in -p 1234,1235"},
        BadCommandLine{{"-p", "2147483648", "-o", "x"},
                       "'2147483648' is not a pid; -p takes numbers, as in -p 1234,1235"},
        BadCommandLine{{"-p", "1,,2", "-o", "x"},
                       "'' is not a pid; -p takes numbers, as in -p 1234,1235"},
        BadCommandLine{{"-p", "", "-o", "x"},
                       "'' is not a pid; -p takes numbers, as in -p 1234,1235"},
        BadCommandLine{{"-a", "-o", "x", "-o", "y"},
                       "option '--output' cannot be specified more than once"},
        BadCommandLine{{"-a", "-o"}, "the required argument for option '--output' is missing"},
        BadCommandLine{{"-a", "-o", "x", "--freeze-limit", "1"},
                       "--freeze-limit goes with --freeze"},
        BadCommandLine{{"-a", "-o", "x", "--freeze", "--freeze-limit", "0"},
                       "--freeze-limit 0: that is no number of seconds from 0.001 to 3600"},
        BadCommandLine{{"-a", "-o", "x", "--freeze", "--freeze-limit", "2s"},
                       "--freeze-limit 2s: that is no number of seconds from 0.001 to 3600"},
        BadCommandLine{{"-a", "-o", "x", "--freeze", "--freeze-limit", "nan"},
                       "--freeze-limit nan: that is no number of seconds from 0.001 to 3600"},
        BadCommandLine{{"-a", "-o", "x", "--interval", "0"},
                       "--interval 0: that is no number of seconds from 0.001 to 31622400"},
        BadCommandLine{{"-a", "-o", "x", "--interval", "0.0009", "--count", "1"},
                       "--interval 0.0009: that is no number of seconds from 0.001 to 31622400"},
        BadCommandLine{{"-p"}, "the required argument for option '--pid' is missing"},
        BadCommandLine{{"-a", "-o", "x", "--bogus"}, "unrecognised option '--bogus'"},
        BadCommandLine{{"-a", "-o", "x", "--max-size", "0"},
                       "--max-size 0: that is no size, as 500M or 2G is"},
        BadCommandLine{{"-a", "-o", "x", "--max-size", "1.5G"},
                       "--max-size 1.5G: that is no size, as 500M or 2G is"},
        BadCommandLine{
            {"-a", "-o", "x", "1234"},
            "every argument belongs to an option: processes to -p, -n, -t or -g, the file to -o"},
        BadCommandLine{{"-a", "-o", "x", "--force=1"},
                       "option '--force' does not take any arguments"}));

}  // namespace
}  // namespace pagesnap
