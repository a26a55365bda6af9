// What workers share with the parent that forked them, to the page, for writes that are known.
#include <gtest/gtest.h>

#include "tests/live/forked_service.h"
#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

class LiveForkTest : public testing::TestWithParam<int> {};

TEST_P(LiveForkTest, IsWhatEachSideWrote) {
  if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
  const ForkedService service({.workers = GetParam()});
  const TemporaryDirectory directory;
  const std::string file = directory.File("a.pagesnap");
  CaptureProcesses(service.pids(), file);
  int places = 0;
  for (const auto& row : AnalyzeRows({"fork", file, "--by", "mapping"})) {
    EXPECT_EQ(row.at("parent_pid"), service.parent());
    const uint64_t start = std::stoull(row.at("start").get<std::string>(), nullptr, 16);
    if (start == service.start()) {
      ++places;
      using S = ForkedService;
      EXPECT_EQ(row.at("child_copied_kib"), S::kWrittenPages * 4);
      EXPECT_EQ(row.at("parent_copied_kib"), S::kParentWritten * 4);
      EXPECT_EQ(row.at("parent_only_kib"), S::kDroppedPages * 4);
      EXPECT_EQ(row.at("differs_kib"), 0);
      EXPECT_EQ(row.at("child_only_kib"), 0);
      EXPECT_EQ(row.at("file_kib"), 0);
      EXPECT_EQ(row.at("shared_kib"),
                (S::kParentPages - S::kWrittenPages - S::kParentWritten - S::kDroppedPages) * 4);
    } else if (start == service.new_start()) {
      ++places;
      EXPECT_EQ(row.at("child_only_kib"), ForkedService::kNewPages * 4);
      EXPECT_EQ(row.at("shared_kib"), 0);
    }
  }
  EXPECT_EQ(places, 2 * GetParam());
  EXPECT_EQ(AnalyzeRows({"fork", file}).size(), static_cast<size_t>(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Workers, LiveForkTest, testing::Values(1, 4));

}  // namespace
}  // namespace pagesnap
