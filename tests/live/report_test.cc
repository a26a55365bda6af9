// The reports against the kernel's raw words, its smaps, and what the workload did.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <map>
#include <memory>

#include "lib/base/number.h"
#include "lib/base/unique_fd.h"
#include "tests/live/live_testing.h"
#include "tests/support/smaps_oracle.h"

namespace pagesnap {
namespace {

using Json = nlohmann::json;

// LOCKED, REFERENCED, LRU, ACTIVE and IDLE change by themselves.
constexpr uint64_t kUnstable =
    1 | uint64_t{1} << 2 | uint64_t{1} << 5 | uint64_t{1} << 6 | uint64_t{1} << 25;
constexpr int kAttempts = 5;
constexpr int kRemovals = 20;  // of a cgroup, until a capture is soon enough after one

// Returns the word at `index` of a file of words, or nothing behind its end.
std::optional<uint64_t> WordAt(const UniqueFd& fd, uint64_t index) {
  uint64_t word = 0;
  const ssize_t size = pread(fd.get(), &word, sizeof(word), static_cast<off_t>(index * 8));
  if (size != sizeof(word)) return std::nullopt;
  return word;
}

// The present pages of a process by the flags of their frames, counted from the raw words.
std::map<uint64_t, uint64_t> CountFlags(pid_t pid) {
  std::map<uint64_t, uint64_t> counts;
  const UniqueFd pagemap(open(fmt::format("/proc/{}/pagemap", pid).c_str(), O_RDONLY));
  const UniqueFd kpageflags(open("/proc/kpageflags", O_RDONLY));
  for (const SmapsEntry& entry : ReadSmaps(pid)) {
    for (uint64_t address = entry.start; address < entry.end; address += kPageSize) {
      const std::optional<uint64_t> word = WordAt(pagemap, address / kPageSize);
      if (!word || !(*word & kPresentBit)) continue;
      ++counts[WordAt(kpageflags, *word & kPfnMask).value_or(0) & ~kUnstable];
    }
  }
  return counts;
}

std::map<uint64_t, uint64_t> ReportedFlags(const std::string& file, pid_t pid) {
  std::map<uint64_t, uint64_t> counts;
  for (const Json& row : AnalyzeRows({"flags", file, "--pid", std::to_string(pid)})) {
    const uint64_t flags = *ParseAddress(row.at("flags").get<std::string>());
    counts[flags & ~kUnstable] += row.at("frame_count").get<uint64_t>();
  }
  return counts;
}

// Counts the frames that both processes have, but zero pages, from the raw words.
uint64_t CountShared(const std::array<pid_t, 2>& pids) {
  std::map<uint64_t, int> users;
  const UniqueFd kpageflags(open("/proc/kpageflags", O_RDONLY));
  int bit = 1;
  for (pid_t pid : pids) {
    const UniqueFd pagemap(open(fmt::format("/proc/{}/pagemap", pid).c_str(), O_RDONLY));
    for (const SmapsEntry& entry : ReadSmaps(pid)) {
      for (uint64_t address = entry.start; address < entry.end; address += kPageSize) {
        const std::optional<uint64_t> word = WordAt(pagemap, address / kPageSize);
        if (word && *word & kPresentBit) users[*word & kPfnMask] |= bit;
      }
    }
    bit <<= 1;
  }
  uint64_t shared = 0;
  for (const auto& [pfn, mask] : users) {
    const uint64_t flags = WordAt(kpageflags, pfn).value_or(0);
    if (mask == 3 && !(flags >> 24 & 1) && !(flags >> 20 & 1)) ++shared;
  }
  return shared;
}

uint64_t Sum(const Json& rows, const std::string& column) {
  uint64_t sum = 0;
  for (const Json& row : rows) {
    if (!row.at(column).is_null()) sum += row.at(column).get<uint64_t>();
  }
  return sum;
}

// Pages of each mapping by state, RSS from the sharing groups: what must add up in any file.
void ExpectInvariants(const std::string& file) {
  SCOPED_TRACE(file);
  const Json unbalanced = AnalyzeRows(
      {"sql", file,
       "SELECT u.mapping_id FROM mapping_usage u JOIN mapping m ON m.id = u.mapping_id "
       "WHERE present_count + swapped_count + special_count + absent_count + hidden_count <> "
       "m.page_count"});
  EXPECT_TRUE(unbalanced.empty()) << unbalanced;
  // The shared pages of a process in groups, and those that no other captured process maps.
  const Json sharing =
      AnalyzeRows({"sql", file,
                   "WITH s AS (SELECT MAX(id) AS id FROM snapshot), alone AS ("
                   "  SELECT process_id, SUM(user_count) AS page_count FROM ("
                   "    SELECT u.pfn, MIN(u.process_id) AS process_id, COUNT(*) AS user_count"
                   "    FROM s CROSS JOIN frame f ON f.snapshot_id = s.id"
                   "    CROSS JOIN frame_user u ON u.snapshot_id = s.id AND u.pfn = f.pfn"
                   "    WHERE f.flags >> 24 & 1 = 0 AND f.flags >> 20 & 1 = 0 GROUP BY u.pfn"
                   "    HAVING COUNT(DISTINCT u.process_id) = 1) GROUP BY process_id"
                   "), grouped AS ("
                   "  SELECT process_id, SUM(page_count) AS page_count FROM sharing_group_member"
                   "  WHERE snapshot_id = (SELECT id FROM s) GROUP BY process_id) "
                   "SELECT p.pid, p.rss_kib + p.hugetlb_kib AS resident_kib, "
                   "  (COALESCE(a.page_count, 0) + COALESCE(g.page_count, 0)) * 4 AS sum_kib "
                   "FROM process_usage p LEFT JOIN alone a ON a.process_id = p.process_id "
                   "LEFT JOIN grouped g ON g.process_id = p.process_id "
                   "WHERE p.snapshot_id = (SELECT id FROM s) AND p.rss_kib IS NOT NULL"});
  EXPECT_FALSE(sharing.empty());
  for (const Json& row : sharing) EXPECT_EQ(row.at("sum_kib"), row.at("resident_kib")) << row;
  // The parts of a mapping make up its present pages.
  for (const Json& row : AnalyzeRows({"hugepages", file})) {
    if (row.at("rest_kib").is_null()) continue;
    uint64_t sum = 0;
    for (const char* part : {"hugetlb", "thp", "folio", "partial", "unknown", "rest"}) {
      sum += row.at(fmt::format("{}_kib", part)).get<uint64_t>();
    }
    EXPECT_EQ(row.at("present_kib"), sum) << row;
  }
  EXPECT_EQ(Sum(AnalyzeRows({"cgroups", file}), "page_count"),
            Sum(AnalyzeRows({"numa", file}), "page_count"));
}

// Returns the start of the mapping of a process that an address is in.
uint64_t MappingOf(const std::string& file, const std::string& pid, uint64_t address) {
  const Json rows = AnalyzeRows(
      {"sql", file,
       fmt::format("SELECT start FROM mapping_detail WHERE pid = {} AND {} BETWEEN first_page AND "
                   "first_page + page_count - 1",
                   pid, address / kPageSize)});
  return *ParseAddress(rows.at(0).at("start").get<std::string>());
}

class LiveReportTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
    swap_ = std::make_unique<SwapFile>();
    workload_ = std::make_unique<Workload>();
    workload_->Stop();
    file_ = directory_.File("workload.pagesnap");
    CaptureProcesses({workload_->pid(), *workload_->child_pid()}, file_);
  }

  const TemporaryDirectory directory_;
  std::unique_ptr<SwapFile> swap_;
  std::unique_ptr<Workload> workload_;
  std::string file_;
};

TEST_F(LiveReportTest, FlagsEqualTheRawWords) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer reserves terabytes, and this test reads a word for every page";
#endif
  const pid_t pid = workload_->pid();
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::map<uint64_t, uint64_t> before = CountFlags(pid);
    const std::string file = directory_.File(fmt::format("flags-{}.pagesnap", attempt));
    CaptureProcesses({pid}, file);
    // Something else on the machine may change a flag meanwhile.
    if (before != CountFlags(pid)) continue;
    EXPECT_FALSE(before.empty());
    EXPECT_EQ(ReportedFlags(file, pid), before);
    return;
  }
  GTEST_SKIP() << "flags changed during each attempt";
}

TEST_F(LiveReportTest, HugepagesEqualSmaps) {
  const Json rows = AnalyzeRows({"hugepages", file_});
  for (const Json& row : rows) EXPECT_EQ(row.at("thp_kib"), row.at("kernel_thp_kib")) << row;
  for (const WorkloadRegion& region : workload_->regions()) {
    if (!region.skipped.empty() || region.anon_huge_kib.value_or(0) == 0) continue;
    EXPECT_GE(Sum(rows, "thp_kib"), *region.anon_huge_kib);
  }
}

TEST_F(LiveReportTest, SwapEqualsSmaps) {
  if (!swap_->available()) GTEST_SKIP() << swap_->reason();
  std::map<uint64_t, uint64_t> reported;
  for (const Json& row : AnalyzeRows({"swap", file_, "--pid", std::to_string(workload_->pid())})) {
    if (row.at("state") != "swapped") continue;
    EXPECT_EQ(row.at("device"), swap_->path());
    reported[*ParseAddress(row.at("start").get<std::string>())] += row.at("kib").get<uint64_t>();
  }
  uint64_t sum = 0;
  for (const SmapsEntry& entry : ReadSmaps(workload_->pid())) {
    if (entry.perms.back() != 'p') continue;
    EXPECT_EQ(reported[entry.start], entry.swap_kib) << entry.path;
    sum += entry.swap_kib;
  }
  EXPECT_GE(sum, 64u);
}

TEST_F(LiveReportTest, SharedFindsWhatParentAndChildShare) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer reserves terabytes, and this test reads a word for every page";
#endif
  const Json rows = AnalyzeRows({"shared", file_});
  ASSERT_EQ(rows.size(), 1u) << rows;
  EXPECT_EQ(rows[0].at("process_count"), 2);
  const uint64_t shared = CountShared({workload_->pid(), *workload_->child_pid()});
  EXPECT_EQ(rows[0].at("frame_count"), shared);
  const Json pairs = AnalyzeRows({"shared-pairs", file_});
  ASSERT_EQ(pairs.size(), 1u);
  EXPECT_EQ(pairs[0].at("frame_count"), shared);
}

// The child writes to three pages that it shared with its parent since fork(): the kernel copies
// them for it.
TEST_F(LiveReportTest, SharedFindsLessAfterOneSideWrites) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer reserves terabytes, and this test reads a word for every page";
#endif
  constexpr uint64_t kWritten = 3;
  const pid_t child = *workload_->child_pid();
  const std::string parent_pid = std::to_string(workload_->pid());
  const WorkloadRegion& region = workload_->region("copied_on_write", child);
  ASSERT_GE(region.page_count / 2, kWritten);
  const uint64_t first = region.start + (region.page_count - kWritten) * kPageSize;
  const Json before = AnalyzeRows({"shared", file_});
  ASSERT_EQ(before.size(), 1u) << before;
  {
    const UniqueFd memory(open(fmt::format("/proc/{}/mem", child).c_str(), O_RDWR));
    for (uint64_t i = 0; i < kWritten; ++i) {
      const char byte = 'w';
      ASSERT_EQ(pwrite(memory.get(), &byte, 1, static_cast<off_t>(first + i * kPageSize)), 1);
    }
  }
  const std::string file = directory_.File("after.pagesnap");
  CaptureProcesses({workload_->pid(), child}, file);
  const Json after = AnalyzeRows({"shared", file});
  ASSERT_EQ(after.size(), 1u) << after;
  EXPECT_EQ(after[0].at("frame_count"), CountShared({workload_->pid(), child}));
  EXPECT_EQ(after[0].at("frame_count").get<uint64_t>() + kWritten, before[0].at("frame_count"));
  const auto shared_kib = [&](const std::string& from, const std::string& pid) {
    const Json rows = AnalyzeRows({"shared-maps", from, "--pid", pid});
    for (const Json& row : rows) {
      if (*ParseAddress(row.at("start").get<std::string>()) == MappingOf(from, pid, first)) {
        return row.at("shared_kib").get<uint64_t>();
      }
    }
    return uint64_t{0};
  };
  for (const std::string& pid : {parent_pid, std::to_string(child)}) {
    EXPECT_EQ(shared_kib(file, pid) + kWritten * kPageSize / 1024, shared_kib(file_, pid)) << pid;
  }
}

TEST_F(LiveReportTest, Invariants) { ExpectInvariants(file_); }

TEST(LiveReportCgroupTest, CgroupsFindsTheCgroup) {
  if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
  const MemoryCgroup cgroup;
  if (!cgroup.available()) GTEST_SKIP() << cgroup.reason();
  const TemporaryDirectory directory;
  Workload workload({}, cgroup.directory());
  workload.Stop();
  const std::string file = directory.File("cgroup.pagesnap");
  CaptureProcesses({workload.pid()}, file);
  uint64_t pages = 0;
  for (const Json& row : AnalyzeRows({"cgroups", file})) {
    EXPECT_EQ(row.at("mapped_by"), cgroup.path());
    if (row.at("charged_to") != cgroup.path()) continue;
    EXPECT_EQ(row.at("charge"), "charged");
    pages += row.at("page_count").get<uint64_t>();
  }
  EXPECT_GE(pages, 16u);
}

// A process in one cgroup with pages that are charged to another, which can be removed.
class ChargedElsewhere {
 public:
  ChargedElsewhere() {
    if (!reason().empty()) return;
    workload_ = std::make_unique<Workload>(std::vector<std::string>{}, gone_.directory());
    workload_->Stop();
    home_.Add(workload_->pid());
    home_.Add(*workload_->child_pid());
  }

  [[nodiscard]] std::string reason() const {
    return home_.reason() + parent_.reason() + gone_.reason();
  }
  [[nodiscard]] const MemoryCgroup& parent() const { return parent_; }
  [[nodiscard]] const MemoryCgroup& gone() const { return gone_; }
  [[nodiscard]] std::string gone_by_inode() const { return fmt::format("inode {}", gone_.inode()); }

  // Captures the process; returns its pages by what `cgroups` says that they are charged to.
  std::map<std::string, uint64_t> Charged(const std::string& file) {
    CaptureProcesses({workload_->pid()}, file);
    std::map<std::string, uint64_t> pages;
    for (const Json& row : AnalyzeRows({"cgroups", file})) {
      EXPECT_EQ(row.at("mapped_by"), home_.path());
      if (row.at("charged_to").is_null()) continue;
      const auto charged_to = row.at("charged_to").get<std::string>();
      EXPECT_EQ(row.at("charge"), charged_to == gone_by_inode() ? "removed" : "charged") << row;
      pages[charged_to] += row.at("page_count").get<uint64_t>();
    }
    return pages;
  }

  // Returns whether the kernel itself still gives the cgroup's inode for a page that it pays for.
  [[nodiscard]] bool KernelKnows() const {
    const pid_t pid = workload_->pid();
    const UniqueFd pagemap(open(fmt::format("/proc/{}/pagemap", pid).c_str(), O_RDONLY));
    const UniqueFd kpagecgroup(open("/proc/kpagecgroup", O_RDONLY));
    const uint64_t page = workload_->region("touched").start / kPageSize;
    const std::optional<uint64_t> word = WordAt(pagemap, page);
    return word && WordAt(kpagecgroup, *word & kPfnMask) == gone_.inode();
  }

 private:
  const MemoryCgroup home_;
  const MemoryCgroup parent_;
  const MemoryCgroup gone_{&parent_};
  std::unique_ptr<Workload> workload_;
};

// The kernel gives the inode of a removed cgroup until it takes it offline, some 20 ms later, and
// from then on that of the nearest ancestor which is there (mm/memcontrol.c, page_cgroup_ino). Each
// page is the one's or the other's.
TEST(LiveReportCgroupTest, RemovedCgroupIsNamedByInodeUntilItsParentTakesOver) {
  if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
  const TemporaryDirectory directory;
  bool seen = false;
  for (int attempt = 0; attempt < kRemovals && !seen; ++attempt) {
    const auto file = [&](const char* name) {
      return directory.File(fmt::format("{}-{}", name, attempt));
    };
    ChargedElsewhere process;
    if (!process.reason().empty()) GTEST_SKIP() << process.reason();
    ASSERT_TRUE(process.KernelKnows());
    const uint64_t count = process.Charged(file("before"))[process.gone().path()];
    ASSERT_GE(count, 16u);

    ASSERT_EQ(rmdir(process.gone().directory().c_str()), 0);
    std::map<std::string, uint64_t> pages = process.Charged(file("removed"));
    const uint64_t by_inode = pages[process.gone_by_inode()];
    EXPECT_EQ(pages[process.gone().path()], 0u);
    EXPECT_EQ(by_inode + pages[process.parent().path()], count);
    seen = by_inode > 0;

    for (int i = 0; i < 1000 && process.KernelKnows(); ++i) usleep(10000);
    pages = process.Charged(file("offline"));
    EXPECT_EQ(pages[process.gone_by_inode()], 0u);
    EXPECT_EQ(pages[process.parent().path()], count);
  }
  if (!seen) GTEST_SKIP() << "the kernel took each cgroup offline before a capture could look";
}

TEST(SampleReportTest, InvariantsOfEverySample) {
  for (const auto& entry : std::filesystem::directory_iterator(PAGESNAP_SAMPLE_DIR)) {
    if (entry.path().extension() == ".pagesnap") ExpectInvariants(entry.path().string());
  }
}

}  // namespace
}  // namespace pagesnap
