// Pages that the kernel itself moves to other frames are found, each of them and nothing else. It
// does so for every page of a block of memory that is taken offline (mm/memory_hotplug.c,
// do_migrate_range); compaction, which moves pages too, cannot be told which.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "tests/live/comparison_testing.h"
#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

constexpr const char* kMemory = "/sys/devices/system/memory";
// Blocks of large machines are larger; they are not taken away for a test.
constexpr uint64_t kMaxBlockBytes = uint64_t{128} << 20;
constexpr int kBlocksTried = 8;

// Returns 0 where blocks cannot be taken offline.
uint64_t BlockBytes() {
  uint64_t bytes = 0;
  std::ifstream(std::string(kMemory) + "/block_size_bytes") >> std::hex >> bytes;
  return bytes;
}

// A block of memory that is offline as long as this object is there.
class OfflineBlock {
 public:
  explicit OfflineBlock(uint64_t number)
      : state_(fmt::format("{}/memory{}/state", kMemory, number)), undo_([state = state_] {
          if (Read(state) == "offline") std::ofstream(state) << "online" << std::flush;
          return Read(state) != "offline";
        }) {
    // The kernel goes on trying until a signal comes.
    RunCommand({"timeout", "-s", "INT", "10", "sh", "-c", "echo offline >\"$1\" 2>/dev/null", "sh",
                state_});
  }
  [[nodiscard]] bool offline() const { return Read(state_) == "offline"; }

 private:
  static std::string Read(const std::string& path) {
    std::string text;
    std::ifstream(path) >> text;
    return text;
  }

  std::string state_;
  Undo undo_;
};

TEST(LiveMigrationTest, PagesOfABlockThatWentOffline) {
  if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
  const uint64_t block_bytes = BlockBytes();
  if (block_bytes == 0) GTEST_SKIP() << "this kernel takes no memory offline";
  if (block_bytes > kMaxBlockBytes) GTEST_SKIP() << "blocks of memory are too large here";
  const auto block_pages = block_bytes / static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  ChildProcess target({PAGESNAP_CHANGE_TARGET});
  while (target.ReadLine() != "ready") {
  }
  TemporaryDirectory directory;
  const std::string before = directory.File("before");
  const std::string after = directory.File("after");
  CaptureProcesses({target.pid()}, before);

  // Huge pages might be split on the way.
  for (const auto& row : AnalyzeRows(
           {"sql", before,
            fmt::format("SELECT pfn / {} AS block, COUNT(*) AS pages FROM page "
                        "WHERE state = 'present' GROUP BY 1 HAVING SUM(flags >> 22 & 1) = 0 "
                        "ORDER BY 2 DESC LIMIT {}",
                        block_pages, kBlocksTried)})) {
    const auto block = row.at("block").get<uint64_t>();
    const OfflineBlock offline(block);
    if (!offline.offline()) continue;
    CaptureProcesses({target.pid()}, after);
    const nlohmann::json changes =
        AnalyzeRows({"sql", before, after,
                     "SELECT change, SUM(page_count) AS pages FROM page_change(1, 2) "
                     "WHERE change <> 'unchanged' GROUP BY 1"});
    ASSERT_EQ(changes.size(), 1u) << changes;
    EXPECT_EQ(changes[0].at("change"), "migrated");
    EXPECT_EQ(changes[0].at("pages"), row.at("pages"));
    const nlohmann::json others =
        AnalyzeRows({"sql", before, after,
                     fmt::format("SELECT b.page FROM page b LEFT JOIN page_change(1, 2) c "
                                 "ON c.change = 'migrated' AND b.page BETWEEN c.before_page "
                                 "AND c.before_page + c.page_count - 1 "
                                 "WHERE b.snapshot_id = 1 AND b.pfn / {} = {} AND c.change IS NULL",
                                 block_pages, block)});
    EXPECT_EQ(others.size(), 0u) << "not migrated: " << others;
    ExpectComparisonRules(before, after);
    return;
  }
  GTEST_SKIP() << "the kernel gave none of " << kBlocksTried << " blocks of memory away";
}

}  // namespace
}  // namespace pagesnap
