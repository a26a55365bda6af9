// `analyze translate` against what the workload read in its own pagemap, for every page.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "lib/base/unique_fd.h"
#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kGuardBit = uint64_t{1} << 58;
constexpr uint64_t kSwapBit = uint64_t{1} << 62;
constexpr size_t kAddressesPerCall = 256;

std::vector<uint64_t> ReadWordsNow(const WorkloadRegion& region) {
  const UniqueFd fd(open(fmt::format("/proc/{}/pagemap", region.pid).c_str(), O_RDONLY));
  std::vector<uint64_t> words(region.words.size());
  const auto size = static_cast<ssize_t>(words.size() * sizeof(uint64_t));
  if (pread(fd.get(), words.data(), size, static_cast<off_t>(region.start / kPageSize * 8)) !=
      size) {
    words.clear();
  }
  return words;
}

// Two processes and what they know of their memory, captured.
class LiveTranslateTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
    swap_ = std::make_unique<SwapFile>();
    pool_ = std::make_unique<HugetlbPool>(1);
    // The kernel may move a frame between the workload's reading and the capture. That is rare, and
    // seen here: then another workload is taken.
    for (int attempt = 0; attempt < 5; ++attempt) {
      file_ = directory_.File(fmt::format("attempt-{}.pagesnap", attempt));
      workload_ = std::make_unique<Workload>();
      workload_->Stop();
      CaptureProcesses({workload_->pid(), *workload_->child_pid()}, file_);
      if (workload_->stable() && NothingMoved()) return;
    }
    GTEST_FAIL() << "frames of the workload were moved in each of five attempts";
  }

  bool NothingMoved() const {
    return std::all_of(
        workload_->regions().begin(), workload_->regions().end(),
        [](const WorkloadRegion& region) { return ReadWordsNow(region) == region.words; });
  }

  // The answers for the pages of a region, in order, for an address within each page.
  std::vector<Json> TranslateRegion(const WorkloadRegion& region) {
    std::vector<Json> answers;
    for (size_t first = 0; first < region.words.size(); first += kAddressesPerCall) {
      std::vector<std::string> arguments = {"translate", file_, "--pid",
                                            std::to_string(region.pid)};
      const size_t end = std::min(region.words.size(), first + kAddressesPerCall);
      for (size_t page = first; page < end; ++page) {
        arguments.emplace_back("--address");
        arguments.push_back(fmt::format("{:#x}", Address(region, page)));
      }
      for (const Json& row : AnalyzeRows(arguments)) answers.push_back(row);
    }
    return answers;
  }

  // Not the page's first byte, so that the offset in the page is tested too.
  static uint64_t Address(const WorkloadRegion& region, size_t page) {
    return region.start + page * kPageSize + page % kPageSize;
  }

  // Who maps a frame, as (pid, address of the page).
  std::set<std::pair<pid_t, std::string>> Users(uint64_t pfn) {
    std::set<std::pair<pid_t, std::string>> users;
    for (const Json& row :
         AnalyzeRows({"translate", file_, "--physical", fmt::format("{:#x}", pfn * kPageSize)})) {
      EXPECT_EQ(row.at("pfn"), pfn);
      EXPECT_TRUE(users.emplace(row.at("pid"), row.at("address")).second);
    }
    return users;
  }

  std::unique_ptr<SwapFile> swap_;
  std::unique_ptr<HugetlbPool> pool_;
  TemporaryDirectory directory_;
  std::unique_ptr<Workload> workload_;
  std::string file_;
};

// Returns what is wrong about the answer for a page, or nothing.
std::string Compare(const Json& row, uint64_t word, uint64_t address) {
  Json expected = {{"address", fmt::format("{:#x}", address)},
                   {"state", "absent"},
                   {"pfn", nullptr},
                   {"physical_address", nullptr},
                   {"swap_type", nullptr},
                   {"swap_offset", nullptr}};
  if (word & kPresentBit) {
    expected["state"] = "present";
    expected["pfn"] = word & kPfnMask;
    expected["physical_address"] =
        fmt::format("{:#x}", (word & kPfnMask) * kPageSize + address % kPageSize);
  } else if (word & kSwapBit) {
    const bool guard = (word & kGuardBit) != 0;
    expected["state"] = guard ? "guard" : "swapped";
    if (!guard) {
      expected["swap_type"] = word & 31;
      expected["swap_offset"] = (word & kPfnMask) >> 5;
    }
  }
  Json got = Json::object();
  for (const auto& [name, value] : expected.items()) got[name] = row.value(name, Json("no column"));
  if (got == expected) return "";
  return fmt::format("word {:#018x}: {} instead of {}", word, got.dump(), expected.dump());
}

bool HasFlag(const Json& row, const std::string& flag) {
  const std::string flags = row.at("flags").is_null() ? "" : row.at("flags").get<std::string>();
  return ("," + flags + ",").find("," + flag + ",") != std::string::npos;
}

TEST_F(LiveTranslateTest, AgreesWithThePageWordsOfEveryPage) {
  std::map<std::string, size_t> states;
  size_t page_count = 0;
  for (const WorkloadRegion& region : workload_->regions()) {
    SCOPED_TRACE(fmt::format("{} of process {}", region.name, region.pid));
    const std::vector<Json> rows = TranslateRegion(region);
    ASSERT_EQ(rows.size(), region.words.size());
    for (size_t page = 0; page < rows.size(); ++page) {
      EXPECT_EQ(Compare(rows[page], region.words[page], Address(region, page)), "");
      EXPECT_EQ(rows[page].at("pid"), region.pid);
      ++states[rows[page].at("state")];
      ++page_count;
    }
  }
  EXPECT_GE(page_count, 1000u);
  EXPECT_GT(states["present"], 500u);
  EXPECT_GT(states["absent"], 20u);
  if (workload_->region("guard").skipped.empty()) {
    EXPECT_EQ(states["guard"], 1u);
  }
  if (swap_->available()) {
    EXPECT_EQ(states["swapped"], 16u);
  }
}

TEST_F(LiveTranslateTest, NamesTheFlagsOfSpecialFrames) {
  auto expect_flag = [&](const std::string& region_name, const std::string& flag,
                         const std::string& other_flag) {
    SCOPED_TRACE(region_name);
    size_t present = 0;
    for (const Json& row : TranslateRegion(workload_->region(region_name))) {
      if (row.at("state") != "present") continue;
      ++present;
      EXPECT_TRUE(HasFlag(row, flag)) << row.dump();
      EXPECT_FALSE(HasFlag(row, other_flag)) << row.dump();
    }
    EXPECT_GT(present, 0u);
  };
  if (workload_->region("zero_page").skipped.empty()) {
    expect_flag("zero_page", "ZERO_PAGE", "ANON");
  }
  expect_flag("touched", "ANON", "THP");
  expect_flag("file_shared", "MMAP", "ANON");
  if (workload_->region("huge_page").anon_huge_kib.value_or(0) > 0) {
    expect_flag("huge_page", "THP", "HUGE");
  }
  if (pool_->available()) expect_flag("hugetlb", "HUGE", "THP");
}

TEST_F(LiveTranslateTest, NamesTheSwapArea) {
  if (!swap_->available()) GTEST_SKIP() << swap_->reason();
  std::set<std::string> known;
  for (const Json& row : AnalyzeRows({"sql", file_, "SELECT path FROM swap_device"})) {
    known.insert(row.at("path"));
  }
  EXPECT_EQ(known.count(swap_->path()), 1u);
  for (const Json& row : TranslateRegion(workload_->region("swapped"))) {
    ASSERT_EQ(row.at("state"), "swapped");
    // With one area alone it is certain which.
    if (known.size() == 1 && row.at("swap_type") == 0) {
      EXPECT_EQ(row.at("swap_device"), swap_->path());
    }
  }
}

TEST_F(LiveTranslateTest, FindsWhoMapsAFrame) {
  const pid_t parent = workload_->pid();
  const pid_t child = *workload_->child_pid();
  const WorkloadRegion& mine = workload_->region("copied_on_write");
  const WorkloadRegion& copy = workload_->region("copied_on_write", child);
  size_t shared = 0;
  for (size_t page = 0; page < mine.words.size(); ++page) {
    SCOPED_TRACE(page);
    const std::string address = fmt::format("{:#x}", mine.start + page * kPageSize);
    const std::pair<pid_t, std::string> by_parent = {parent, address};
    const std::pair<pid_t, std::string> by_child = {child, address};
    const uint64_t parent_pfn = mine.words[page] & kPfnMask;
    const uint64_t child_pfn = copy.words[page] & kPfnMask;
    if (parent_pfn == child_pfn) {
      ++shared;
      EXPECT_THAT(Users(parent_pfn), testing::UnorderedElementsAre(by_parent, by_child));
    } else {
      EXPECT_THAT(Users(parent_pfn), testing::UnorderedElementsAre(by_parent));
      EXPECT_THAT(Users(child_pfn), testing::UnorderedElementsAre(by_child));
    }
  }
  EXPECT_EQ(shared, 4u);
}

TEST_F(LiveTranslateTest, SaysWhereNothingIsMapped) {
  const uint64_t start = workload_->region("touched").start;  // a hole is on either side
  const Json rows = AnalyzeRows({"translate", file_, "--pid", std::to_string(workload_->pid()),
                                 "--address", fmt::format("{:#x}", start - 1)});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].at("state"), "unmapped");
  EXPECT_TRUE(rows[0].at("pfn").is_null());
}

TEST(LiveCgroupTest, TranslateNamesTheCgroupThatPays) {
  if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
  auto cgroup = std::make_unique<MemoryCgroup>();
  if (!cgroup->available()) GTEST_SKIP() << cgroup->reason();
  const TemporaryDirectory directory;
  const std::string path = cgroup->path();
  const Workload workload({"--no-fork"}, cgroup->directory());
  auto cgroup_of = [&](const std::string& file) {
    const Json rows = AnalyzeRows(
        {"translate", file, "--address", fmt::format("{:#x}", workload.region("touched").start)});
    return rows.at(0).at("cgroup");
  };
  CaptureProcesses({workload.pid()}, directory.File("inside.pagesnap"));
  EXPECT_EQ(cgroup_of(directory.File("inside.pagesnap")), path);
  const Json processes =
      AnalyzeRows({"sql", directory.File("inside.pagesnap"), "SELECT cgroup FROM process"});
  EXPECT_EQ(processes.at(0).at("cgroup"), path);

  // The process moves to the parent and its pages do not; the path is no longer there to be named.
  cgroup.reset();
  CaptureProcesses({workload.pid()}, directory.File("removed.pagesnap"));
  EXPECT_NE(cgroup_of(directory.File("removed.pagesnap")), path);
  EXPECT_FALSE(cgroup_of(directory.File("removed.pagesnap")).is_null());
}

}  // namespace
}  // namespace pagesnap
