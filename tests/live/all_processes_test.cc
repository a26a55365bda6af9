// A capture of everything that runs, where nothing stands still: processes come and go, gaps and
// torn frames are likely, and yet the file has to agree with itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

// The invariants take about 20 microseconds a page.
constexpr int kMaxPages = 4'000'000;

TEST(LiveAllProcessesTest, InvariantsHold) {
  if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
  const TemporaryDirectory directory;
  const SwapFile swap;
  Workload workload;
  const std::string file = directory.File("all.pagesnap");
  const CommandResult result = RunCapture({"-a", "--quiet", "-o", file});
  ASSERT_THAT(result.exit_code, testing::AnyOf(0, 3)) << result.err;
  const auto rows = AnalyzeRows({"sql", file, "SELECT COUNT(*) AS pages FROM page"});
  if (rows.at(0).at("pages").get<int64_t>() > kMaxPages) {
    GTEST_SKIP() << "this machine has too many pages in memory to look at all of them";
  }
  ExpectInvariants(file);
}

}  // namespace
}  // namespace pagesnap
