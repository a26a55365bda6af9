// What a capture says it cost is what it cost.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <vector>

#include "lib/base/error.h"
#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::Lt;

struct Calls {
  int64_t count = 0;
  int64_t bytes = 0;
  friend bool operator==(const Calls&, const Calls&) = default;
};

// Sums up lines of strace -y, `12 pread64(5</proc/7/pagemap>, ..., 4096, 0) = 4096`, by the last
// part of the file's name.
std::map<std::string, Calls> CallsIn(const std::string& log) {
  std::map<std::string, Calls> calls;
  std::ifstream file(log);
  for (std::string line; std::getline(file, line);) {
    const size_t begin = line.find("</proc/");
    const size_t end = line.find('>', begin);
    const size_t result = line.rfind(" = ");
    if (begin == std::string::npos || end == std::string::npos || result == std::string::npos) {
      continue;
    }
    const std::string path = line.substr(begin, end - begin);
    Calls& source = calls[path.substr(path.rfind('/') + 1)];
    ++source.count;
    source.bytes += std::max(0L, std::strtol(line.c_str() + result + 3, nullptr, 10));
  }
  return calls;
}

TEST(LiveCostTest, CallsAndBytesAreThoseOfStrace) {
  TemporaryDirectory directory;
  try {
    if (RunCommand({"strace", "-V"}).exit_code != 0) GTEST_SKIP() << "strace does not run";
  } catch (const Error&) {
    GTEST_SKIP() << "there is no strace";
  }
  Workload workload;
  const std::string file = directory.File("cost.pagesnap");
  const std::string log = directory.File("log");
  const CommandResult result =
      RunCommand({"strace", "-y", "-e", "trace=read,pread64", "-o", log, BuiltProgram("capture"),
                  "-q", "-p", std::to_string(workload.pid()), "--jobs", "1", "-o", file});
  if (result.exit_code == 1) GTEST_SKIP() << "strace may not trace: " << result.err;
  std::map<std::string, Calls> traced = CallsIn(log);
  std::vector<std::string> compared;
  for (const auto& row : AnalyzeRows({"sql", file, "SELECT * FROM cost WHERE source <> 'total'"})) {
    const std::string source = row["source"];
    // The others are directories and links, and text that other programs' libraries read too.
    for (const char* known : {"pagemap", "kpageflags", "kpagecount", "kpagecgroup", "smaps"}) {
      if (source != known) continue;
      compared.push_back(source);
      const Calls stored{row["call_count"], row["byte_count"]};
      EXPECT_EQ(stored.count, traced[source].count) << source;
      EXPECT_EQ(stored.bytes, traced[source].bytes) << source;
    }
  }
  EXPECT_THAT(compared, AllOf(Contains("pagemap"), Contains("smaps")));
}

TEST(LiveCostTest, PeakRssIsThatOfCaptureAndNotOfItsParent) {
  TemporaryDirectory directory;
  const std::vector<char> ballast(size_t{256} << 20, 'x');
  ASSERT_EQ(ballast.back(), 'x');
  Workload workload;
  const std::string file = directory.File("cost.pagesnap");
  CaptureProcesses({workload.pid()}, file);
  const auto rows = AnalyzeRows({"sql", file, "SELECT * FROM cost WHERE source = 'total'"});
  ASSERT_EQ(rows.size(), 1U);
  const auto& total = rows[0];
  EXPECT_THAT(total["peak_rss_kib"].get<int64_t>(), AllOf(Gt(1024), Lt(int64_t{128} << 10)));
  EXPECT_GT(total["user_ns"].get<int64_t>() + total["system_ns"].get<int64_t>(), 0);
  EXPECT_LE(total["longest_ns"].get<int64_t>(), total["wall_ns"].get<int64_t>());
  std::string info = RunAnalyze({"info", file}).out;
  for (const char* fact : {"CPU", "peak RSS of capture", "read from the kernel", "the longest"}) {
    EXPECT_THAT(info, HasSubstr(fact));
  }
}

}  // namespace
}  // namespace pagesnap
