// Exact PSS and USS of a stopped family of processes, against a count of their pagemap entries.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <map>
#include <set>

#include "lib/base/error.h"
#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

constexpr size_t kBytes = size_t{1} << 20;  // of each region

// Where the regions are: copied in part by a child; shared memory that a child maps in part; one
// file at two places. Between them nothing can be joined to them.
struct Regions {
  char* copied;
  char* shared;
  char* twice[2];

  [[nodiscard]] std::vector<char*> All() const { return {copied, shared, twice[0], twice[1]}; }
};

Regions MakeRegions() {
  constexpr int kPlaces = 9;
  char* const all = static_cast<char*>(mmap(nullptr, kPlaces * kBytes, PROT_NONE,
                                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  auto map = [&](int place, int flags, int file) {
    void* const region =
        mmap(all + place * kBytes, kBytes, PROT_READ | PROT_WRITE, MAP_FIXED | flags, file, 0);
    if (region == MAP_FAILED) throw Error("mmap failed");
    // Whether there are huge pages depends on the machine.
    madvise(region, kBytes, MADV_NOHUGEPAGE);
    return static_cast<char*>(region);
  };
  const int file = memfd_create("twice", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, kBytes) != 0) throw Error("no memfd");
  return {map(1, MAP_PRIVATE | MAP_ANONYMOUS, -1),
          map(3, MAP_SHARED | MAP_ANONYMOUS, -1),
          {map(5, MAP_SHARED, file), map(7, MAP_SHARED, file)}};
}

// A parent with two children, all of them stopped.
class Family {
 public:
  Family() {
    int ends[2];
    if (pipe(ends) != 0) throw Error("pipe failed");
    const pid_t parent = fork();
    if (parent == 0) {
      const Regions regions = MakeRegions();
      for (char* region : regions.All()) std::memset(region, 1, kBytes);
      // A fork need not copy the page tables of shared memory: who looks at it maps it.
      for (int child = 0; child < 2; ++child) {
        if (fork() != 0) continue;
        if (child == 0) std::memset(regions.copied, 2, kBytes / 4);
        for (size_t i = 0; i < kBytes / 2; i += 4096) {
          static_cast<void>(*const_cast<volatile char*>(regions.shared + i));
        }
        TellAndStop(ends[1], regions);
      }
      TellAndStop(ends[1], regions);
    }
    pids_ = {parent};
    close(ends[1]);
    for (int i = 0; i < 3; ++i) {
      Ready ready;
      if (read(ends[0], &ready, sizeof ready) != sizeof ready) break;
      regions_ = ready.regions;
      if (ready.pid != parent) pids_.push_back(ready.pid);
    }
    close(ends[0]);
    waitpid(parent, nullptr, WUNTRACED);
  }
  ~Family() {
    for (const pid_t pid : pids_) kill(pid, SIGKILL);
    waitpid(pids_.front(), nullptr, 0);
  }
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  [[nodiscard]] const std::vector<pid_t>& pids() const { return pids_; }
  [[nodiscard]] const Regions& regions() const { return regions_; }

 private:
  struct Ready {
    pid_t pid;
    Regions regions;
  };
  [[noreturn]] static void TellAndStop(int ready, const Regions& regions) {
    const Ready message = {getpid(), regions};
    static_cast<void>(!write(ready, &message, sizeof message));
    for (;;) raise(SIGSTOP);
  }

  std::vector<pid_t> pids_;  // the parent first
  Regions regions_ = {};
};

std::vector<uint64_t> PfnsOf(pid_t pid, const char* start) {
  const int file = open(("/proc/" + std::to_string(pid) + "/pagemap").c_str(), O_RDONLY);
  const auto page_size = static_cast<size_t>(getpagesize());
  std::vector<uint64_t> words(kBytes / page_size);
  const auto offset = static_cast<off_t>(reinterpret_cast<uintptr_t>(start) / page_size * 8);
  if (pread(file, words.data(), words.size() * 8, offset) < 0) words.clear();
  close(file);
  std::vector<uint64_t> pfns;
  for (const uint64_t word : words) {
    if (word >> 63 != 0) pfns.push_back(word & kPfnMask);
  }
  return pfns;
}

// Returns the figures of all regions of all processes by pid and address: PSS and USS in KiB.
std::map<std::string, std::pair<uint64_t, uint64_t>> Count(const Family& family) {
  struct Users {
    uint64_t entries = 0;
    std::set<pid_t> processes = {};
    bool counted = false;
  };
  std::map<uint64_t, Users> frames;
  for (const pid_t pid : family.pids()) {
    for (const char* region : family.regions().All()) {
      for (const uint64_t pfn : PfnsOf(pid, region)) {
        ++frames[pfn].entries;
        frames[pfn].processes.insert(pid);
      }
    }
  }
  const auto page_size = static_cast<uint64_t>(getpagesize());
  std::map<std::string, std::pair<uint64_t, uint64_t>> figures;
  for (const pid_t pid : family.pids()) {
    for (const char* region : family.regions().All()) {
      uint64_t pss = 0, uss = 0;
      for (const uint64_t pfn : PfnsOf(pid, region)) {
        Users& users = frames[pfn];
        pss += (page_size << 12) / users.entries;
        if (users.processes.size() > 1) continue;
        uss += users.counted ? 0 : page_size;
        users.counted = true;
      }
      char address[32];
      snprintf(address, sizeof address, "%d 0x%zx", pid, reinterpret_cast<size_t>(region));
      figures[address] = {pss >> 22, uss >> 10};
    }
  }
  return figures;
}

class LiveExactUsageTest : public testing::TestWithParam<bool> {};

// With and without the rest of the machine, of which some processes may not be readable.
TEST_P(LiveExactUsageTest, EqualsACountOfPagemap) {
  if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
  const Family family;
  ASSERT_EQ(family.pids().size(), 3U);
  const auto expected = Count(family);
  const TemporaryDirectory directory;
  const std::string file = directory.File("a.pagesnap");
  std::vector<std::string> arguments = {"-p", JoinPids(family.pids())};
  if (GetParam()) arguments = {"-a"};
  arguments.insert(arguments.end(), {"--quiet", "-o", file});
  const CommandResult result = RunCapture(arguments);
  ASSERT_THAT(result.exit_code, testing::AnyOf(0, 3)) << result.err;
  size_t found = 0;
  for (const auto& row : AnalyzeRows({"maps", file, "--exact"})) {
    const auto figures = expected.find(std::to_string(row.at("pid").get<pid_t>()) + " " +
                                       row.at("start").get<std::string>());
    if (figures == expected.end()) continue;
    ++found;
    EXPECT_EQ(row.at("exact_pss_kib"), figures->second.first) << row.dump();
    EXPECT_EQ(row.at("exact_uss_kib"), figures->second.second) << row.dump();
  }
  EXPECT_EQ(found, 12U);
  // They are not what a count of map counts alone says.
  const pid_t parent = family.pids().front();
  for (const auto& row : AnalyzeRows({"maps", file, "--exact", "--pid", std::to_string(parent)})) {
    if (row.at("path").get<std::string>() != "/memfd:twice (deleted)") continue;
    EXPECT_EQ(row.at("uss_kib"), 0) << row.dump();
  }
}

INSTANTIATE_TEST_SUITE_P(All, LiveExactUsageTest, testing::Bool());

}  // namespace
}  // namespace pagesnap
