// Every snapshot in samples/ can be read by this version, however old it is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

using Json = nlohmann::json;

TEST(SampleTest, EverySnapshotAnswersAndIsSound) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(PAGESNAP_SAMPLE_DIR)) {
    if (entry.path().extension() != ".pagesnap") continue;
    ++count;
    const std::string file = entry.path().string();
    SCOPED_TRACE(file);
    EXPECT_LT(entry.file_size(), 300 * 1024u);
    EXPECT_GT(AnalyzeRows({"info", file}).size(), 10u);
    EXPECT_GT(AnalyzeRows({"processes", file}).size(), 0u);
    EXPECT_GT(AnalyzeRows({"maps", file}).size(), 0u);
    const CommandResult check = RunAnalyze({"check", file});
    EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
  }
  EXPECT_GE(count, 3u);
}

// What samples/README.md says about it.
TEST(SampleTest, WorkloadHasSwapAndHugePages) {
  const std::string file = std::string(PAGESNAP_SAMPLE_DIR) + "/workload.pagesnap";
  const Json processes = AnalyzeRows({"processes", file});
  ASSERT_EQ(processes.size(), 2u);
  EXPECT_EQ(processes[0].at("swap_kib"), 64);
  EXPECT_EQ(processes[0].at("hugetlb_kib"), 2048);
  const Json states = AnalyzeRows({"sql", file, "SELECT DISTINCT state FROM page"});
  std::vector<std::string> names;
  for (const Json& row : states) names.push_back(row.at("state"));
  EXPECT_THAT(names, testing::IsSupersetOf({"present", "swapped", "guard"}));
}

}  // namespace
}  // namespace pagesnap
