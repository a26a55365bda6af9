// The whole machine, captured by several threads at once while it runs. Its worth is under
// ThreadSanitizer (preset tsan), where a race ends capture with an exit code of its own.
#include <gtest/gtest.h>

#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

TEST(LiveParallelTest, AllProcessesWithFourJobs) {
  Workload workload;
  TemporaryDirectory directory;
  for (const char* option : {"--verify", "--no-smaps"}) {
    const std::string file = directory.File(option);
    const CommandResult result = RunCapture({"-a", "--jobs", "4", "-o", file, option});
    // Processes come and go meanwhile: gaps.
    EXPECT_TRUE(result.exit_code == 0 || result.exit_code == 3) << result.exit_code << result.err;
    EXPECT_EQ(result.err, "");
    const auto rows = AnalyzeRows({"sql", file,
                                   "SELECT count(*) AS n FROM process WHERE pid = " +
                                       std::to_string(workload.pid()) + " AND mapping_count > 0"});
    EXPECT_EQ(rows[0]["n"], 1);
  }
}

}  // namespace
}  // namespace pagesnap
