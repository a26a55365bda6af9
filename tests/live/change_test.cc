// What a live process does between two captures is found: each page in its class, and nothing else.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "tests/live/comparison_testing.h"
#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

struct Region {
  uint64_t first_page = 0;
  uint64_t page_count = 0;
};

class LiveChangeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
    if (!swap_.available()) GTEST_SKIP() << swap_.reason();
  }

  // Makes the changes, with a capture before and one after.
  void Run() {
    auto cgroup = std::make_unique<MemoryCgroup>();
    if (!cgroup->available()) cannot_.insert("recharge");
    ChildProcess target({PAGESNAP_CHANGE_TARGET});
    for (std::string line; (line = ReadLine(target)) != "ready";) AddRegion(line);
    if (cgroup->available()) cgroup->Add(target.pid());
    target.Signal(SIGUSR1);
    while (ReadLine(target) != "charged") {
    }
    if (cgroup->available()) {
      // Out again: the memory stays charged to the cgroup, and when that is removed, to its parent
      // (mm/memcontrol.c, page_cgroup_ino).
      std::ofstream(cgroup->directory() + "/../cgroup.procs") << target.pid();
    }
    CaptureProcesses({target.pid()}, before_);
    target.Signal(SIGUSR1);
    while (ReadLine(target) != "changed") {
    }
    const uint64_t inode = cgroup->inode();
    cgroup.reset();
    // The kernel takes a removed cgroup offline some time later, in a worker.
    for (int i = 0; i < 1000 && CgroupOf(target.pid(), "recharge") == inode; ++i) usleep(10000);
    CaptureProcesses({target.pid()}, after_);
  }

  // Returns "class pages" for the pages of a region, by where they were, or came to be.
  std::vector<std::string> Classes(const std::string& region, const std::string& side = "before") {
    const Region& place = regions_.at(region);
    std::vector<std::string> classes;
    for (const auto& row : AnalyzeRows(
             {"sql", before_, after_,
              fmt::format("SELECT change, SUM(page_count) AS pages FROM page_change(1, 2) WHERE "
                          "{0}_page >= {1} AND {0}_page < {2} GROUP BY change",
                          side, place.first_page, place.first_page + place.page_count)})) {
      classes.push_back(
          fmt::format("{} {}", row["change"].get<std::string>(), row["pages"].get<int64_t>()));
    }
    return classes;
  }
  void Expect(const std::string& region, const std::string& expected) {
    if (cannot_.contains(region)) {
      fmt::print("this machine cannot: {}\n", region);
    } else {
      EXPECT_THAT(Classes(region), testing::ElementsAre(expected)) << region;
    }
  }

  TemporaryDirectory directory_;
  std::map<std::string, Region> regions_;
  std::string before_ = directory_.File("before");
  std::string after_ = directory_.File("after");

 private:
  // Remembers what the target says that it cannot do.
  std::string ReadLine(ChildProcess& target) {
    while (true) {
      std::string line = target.ReadLine();
      if (!line.starts_with("cannot ")) return line;
      cannot_.insert(line.substr(7));
    }
  }
  // Returns the cgroup that the first page of a region is charged to, 0 where that is unknown.
  [[nodiscard]] uint64_t CgroupOf(pid_t pid, const std::string& region) const {
    const auto word = [](const std::string& path, uint64_t index) {
      uint64_t value = 0;
      std::ifstream file;
      file.rdbuf()->pubsetbuf(nullptr, 0);  // these files take whole words only
      file.open(path, std::ios::binary);
      file.seekg(static_cast<std::streamoff>(index * 8));
      file.read(reinterpret_cast<char*>(&value), sizeof value);
      return value;
    };
    const uint64_t page =
        word(fmt::format("/proc/{}/pagemap", pid), regions_.at(region).first_page);
    return word("/proc/kpagecgroup", page & ((uint64_t{1} << 55) - 1));
  }
  void AddRegion(const std::string& line) {
    std::istringstream words(line);
    std::string name;
    Region region;
    words >> name >> std::hex >> region.first_page >> std::dec >> region.page_count;
    regions_[name] = region;
  }

  SwapFile swap_;
  std::set<std::string> cannot_;
};

TEST_F(LiveChangeTest, EachChangeIsFoundAndNothingElse) {
  Run();
  Expect("still", "unchanged 64");
  Expect("faulted_in", "faulted_in 64");
  Expect("dropped", "dropped 64");
  Expect("swapped_out", "swapped_out 64");
  Expect("swapped_in", "swapped_in 64");
  Expect("slot_moved", "slot_moved 64");
  Expect("copied_on_write", "copied_on_write 64");
  Expect("migrated", "migrated 64");
  Expect("moved", "unchanged 64");
  EXPECT_THAT(Classes("destination", "after"), testing::ElementsAre("unchanged 64"));
  Expect("protect", "unchanged 64");
  Expect("unmapped", "dropped 64");
  Expect("guard", "special_changed 64");
  Expect("locked", "flags_changed 64");
  Expect("recharge", "recharged 64");
  Expect("collapsed", "collapsed 512");
  Expect("split", "split 512");

  std::string elsewhere = "SELECT * FROM page_change(1, 2) WHERE change <> 'unchanged'";
  for (const auto& [name, region] : regions_) {
    elsewhere += fmt::format(" AND coalesce(before_page, after_page) NOT BETWEEN {} AND {}",
                             region.first_page, region.first_page + region.page_count - 1);
  }
  const nlohmann::json rows = AnalyzeRows({"sql", before_, after_, elsewhere});
  EXPECT_EQ(rows.size(), 0u) << rows.dump(1);
  ExpectComparisonRules(before_, after_);
}

}  // namespace
}  // namespace pagesnap
