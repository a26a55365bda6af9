// Every built-in report is asked of every crafted file, by the program itself in a process of its
// own: it ends with an answer, or with exit code 1 and one sentence, in bounded time and memory.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "analyze/report.h"
#include "tests/hostile/crafted_files.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/report_arguments.h"
#include "tests/support/run_command.h"

namespace pagesnap {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;

// All of it, though a sound file of that size takes some, too.
constexpr double kMostMemoryMib = 256;
constexpr char kMostCpuSeconds[] = "30";
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMeasuresMemory = false;  // of the sanitizer
#else
constexpr bool kMeasuresMemory = true;
#endif

std::string SoundFile() { return std::string(PAGESNAP_SAMPLE_DIR) + "/workload.pagesnap"; }

// Runs `analyze REPORT` on a file as somebody would who knows the sound one.
CommandResult AskReport(const Report& report, const std::string& path) {
  std::vector<std::string> command = {"prlimit", std::string("--cpu=") + kMostCpuSeconds,
                                      BuiltProgram("analyze"), report.name, path};
  const std::vector<std::string> arguments = ReportArguments(report, SoundFile());
  command.insert(command.end(), arguments.begin(), arguments.end());
  return RunCommand(command);
}

// Lines end in \n; nothing else may reach a terminal.
bool HasControls(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return (c < ' ' && c != '\n') || c == 0x7f; }) ||
         text.find("\xc2\x9b") != std::string::npos;
}

// In a process of its own: the peak RSS of a program begins with that of the process that starts it
// (exec_mmap() in fs/exec.c).
bool Craft(const CraftedFile& file, const std::string& path) {
  const pid_t child = fork();
  if (child == 0) {
    const std::string problem = ErrorOf([&] { file.craft(path); });
    if (problem != "no error") fprintf(stderr, "%s\n", problem.c_str());
    _exit(problem == "no error" ? 0 : 1);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && status == 0;
}

class HostileFileTest : public testing::TestWithParam<CraftedFile> {
 protected:
  TestFolder folder_;
};

TEST_P(HostileFileTest, EveryReportEndsWell) {
  const std::string path = folder_.File("crafted");
  std::filesystem::copy_file(SoundFile(), path);
  ASSERT_TRUE(Craft(GetParam(), path));
  double most_memory = 0;
  double most_seconds = 0;
  for (const Report& report : BuiltInReports()) {
    SCOPED_TRACE(report.name);
    const CommandResult result = AskReport(report, path);
    EXPECT_THAT(result.exit_code, AnyOf(0, 1, 3)) << result.err.substr(0, 500);
    EXPECT_FALSE(HasControls(result.out)) << result.out.substr(0, 500);
    EXPECT_FALSE(HasControls(result.err)) << result.err.substr(0, 500);
    // 'check' says what is damaged in its rows.
    if (result.exit_code == 1 && report.name != "check") {
      const size_t last = result.err.rfind("analyze: ");
      ASSERT_NE(last, std::string::npos) << result.err;
      EXPECT_THAT(result.err.substr(last), StartsWith("analyze: " + path)) << result.err;
      EXPECT_EQ(std::count(result.err.begin() + static_cast<std::ptrdiff_t>(last), result.err.end(),
                           '\n'),
                1)
          << result.err;
    }
    most_memory = std::max(most_memory, result.peak_rss_mib);
    most_seconds = std::max(most_seconds, result.cpu_seconds);
    if (kMeasuresMemory) EXPECT_LE(result.peak_rss_mib, kMostMemoryMib);
  }
  printf("%s: %ju KiB; at most %.0f MiB, %.2f s CPU\n", GetParam().name.c_str(),
         static_cast<uintmax_t>(std::filesystem::file_size(path) >> 10), most_memory, most_seconds);
}

INSTANTIATE_TEST_SUITE_P(Crafted, HostileFileTest, testing::ValuesIn(CraftedFiles()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace pagesnap
