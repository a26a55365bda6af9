// Small forms of the bombs, as the program sees them: each ends with an answer or a sentence, and
// takes little memory and time. tests/trials/bombs.sh tries the full forms.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "lib/store/schema.h"
#include "tests/hostile/bomb_files.h"
#include "tests/support/captured_snapshot.h"
#include "tests/support/run_command.h"

namespace pagesnap {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kMaxMemoryMib = 1e9;  // most of it is the sanitizer's
constexpr double kMaxCpuSeconds = 120;
#else
constexpr double kMaxMemoryMib = 768;
constexpr double kMaxCpuSeconds = 15;  // by themselves, 2 s or less
#endif

class BombTest : public testing::TestWithParam<Bomb> {};

TEST_P(BombTest, EndsWell) {
  const TestFolder folder;
  const std::string path = folder.File("bomb");
  std::filesystem::copy_file(
      fmt::format("{}/versions/format-{}.pagesnap", PAGESNAP_SAMPLE_DIR, kFormatVersion), path);
  GetParam().file.craft(path);
  // What it prints is not kept: it may be hundreds of megabytes.
  std::vector<std::string> argv = {"/bin/sh", "-c", "exec \"$@\" > /dev/null", "sh",
                                   BuiltProgram("analyze")};
  for (const std::string& argument : GetParam().question) {
    argv.push_back(argument == "FILE" ? path : argument);
  }
  const CommandResult result = RunCommand(argv);
  EXPECT_THAT(result.exit_code, testing::AnyOf(0, 1, 3)) << result.err;
  if (result.exit_code == 1 && GetParam().question.front() != "check") {
    EXPECT_THAT(result.err, testing::HasSubstr(path));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
  EXPECT_LE(result.peak_rss_mib, kMaxMemoryMib);
  EXPECT_LE(result.cpu_seconds, kMaxCpuSeconds);
  printf("%s: %ju KiB; exit %d, %.0f MiB, %.2f s CPU\n", GetParam().file.name.c_str(),
         static_cast<uintmax_t>(std::filesystem::file_size(path) >> 10), result.exit_code,
         result.peak_rss_mib, result.cpu_seconds);
}

INSTANTIATE_TEST_SUITE_P(Bombs, BombTest, testing::ValuesIn(AllBombs(BombSize::kSmall)),
                         [](const auto& test) { return test.param.file.name; });

}  // namespace
}  // namespace pagesnap
