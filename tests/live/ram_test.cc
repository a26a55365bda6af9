// 'capture --frames all' and what it says of this machine, against the kernel's own figures.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>

#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

constexpr int64_t kMib = 1024;  // KiB

// Memory moves while frames are read, by how much others do meanwhile. Returns what differs by more
// than that.
std::string Difference(int64_t ours, int64_t kernels, const std::string& what) {
  const int64_t slack = std::max<int64_t>(kernels / 50, 8 * kMib);
  if (std::llabs(ours - kernels) <= slack) return "";
  return fmt::format("{}: {} KiB, the kernel has {}\n", what, ours, kernels);
}

class LiveRamTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = WhyNoPfns(); !why.empty()) GTEST_SKIP() << why;
  }
  // Captures all frames, with the processes that `arguments` select.
  void CaptureRam(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.end(), {"--frames", "all", "--quiet", "--force", "-o", File()});
    const CommandResult result = RunCapture(arguments);
    ASSERT_THAT(result.exit_code, testing::AnyOf(0, 3)) << result.err;
    capture_kib_ = static_cast<int64_t>(result.peak_rss_mib * kMib);
  }
  [[nodiscard]] std::string File() const { return directory_.File("ram.pagesnap"); }
  [[nodiscard]] int64_t Number(const std::string& sql) const {
    return AnalyzeRows({"sql", File(), sql}).at(0).begin()->get<int64_t>();
  }
  // Captures all frames, with all processes, until `differences` returns none: a build that runs
  // beside the test moves more than a capture can follow.
  void CaptureUntil(const std::function<std::string()>& differences) {
    constexpr int kAttempts = 6;
    std::string last;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      CaptureRam({"-a"});
      last = differences();
      if (last.empty()) return;
    }
    ADD_FAILURE() << last;
  }
  // Returns the lines of the report `ram` by item; parts of a line have a blank before them.
  [[nodiscard]] std::map<std::string, nlohmann::json> Lines() const {
    std::map<std::string, nlohmann::json> lines;
    for (const auto& line : AnalyzeRows({"ram", File()})) {
      lines.try_emplace(line["item"].get<std::string>(), line);
    }
    return lines;
  }
  // Returns what of the kernel's figure is nearest to `kib`. meminfo is read before the frames, and
  // capture grows between: what it takes is anonymous then and no longer free. Under
  // AddressSanitizer that is more than Difference() allows.
  [[nodiscard]] int64_t Nearest(const std::string& item, int64_t kib, int64_t kernel_kib) const {
    if (item == "anonymous memory") return std::clamp(kib, kernel_kib, kernel_kib + capture_kib_);
    if (item == "free") return std::clamp(kib, kernel_kib - capture_kib_, kernel_kib);
    return kernel_kib;
  }
  // What the last capture itself took at most, which the frames that it read contain.
  int64_t capture_kib_ = 0;
  const TemporaryDirectory directory_;
};

TEST_F(LiveRamTest, LinesAreWhatTheKernelCounts) {
  const HugetlbPool pool(2);
  CaptureUntil([&] {
    std::string differences;
    const auto lines = Lines();
    for (const char* item : {"anonymous memory", "shared memory, tmpfs", "page cache of files",
                             "slab", "page tables", "free", "reserved at boot", "hugetlb pools"}) {
      const auto line = lines.find(item);
      if (line == lines.end()) continue;  // none is in use
      // Where zones get memory later, what was reserved at boot is not told apart.
      if (line->second["kernel_kib"].is_null()) continue;
      const int64_t kib = line->second["kib"];
      differences += Difference(kib, Nearest(item, kib, line->second["kernel_kib"]), item);
    }
    return differences;
  });
  const auto lines = Lines();
  const int64_t ram = lines.at("RAM").at("kib");
  EXPECT_EQ(ram, lines.at("RAM").at("kernel_kib"));
  EXPECT_EQ(ram, Number("SELECT SUM(present_count) * 4 FROM memory_zone"));
  if (pool.available()) {
    EXPECT_GE(lines.at("hugetlb pools").at("kib").get<int64_t>(), 4 * kMib);
  }
  const auto unidentified = lines.find("unidentified");
  if (unidentified != lines.end()) {
    EXPECT_LE(unidentified->second["kib"].get<int64_t>(), ram / 50);
  }
}

TEST_F(LiveRamTest, FreeBlocksAreThoseOfBuddyinfo) {
  CaptureUntil([&] {
    auto kib = [&](const char* table, int order) {
      return Number(
          fmt::format("SELECT COALESCE(SUM(block_count << block_order), 0) * 4 FROM {} "
                      "WHERE block_order >= {}",
                      table, order));
    };
    return Difference(kib("ram_free_block", 0), kib("snapshot_free_area", 0), "free") +
           Difference(kib("ram_free_block", 9), kib("snapshot_free_area", 9),
                      "free in blocks of 2 MiB and more");
  });
  EXPECT_EQ(Number("SELECT SUM(frame_count) FROM ram_block(512)"),
            Number("SELECT SUM(present_count) FROM memory_zone"));
}

constexpr std::array<std::pair<const char*, int>, 8> kFlagBits = {{{"LRU", 5},
                                                                   {"SLAB", 7},
                                                                   {"BUDDY", 10},
                                                                   {"ANON", 12},
                                                                   {"SWAPBACKED", 14},
                                                                   {"THP", 22},
                                                                   {"PGTABLE", 26},
                                                                   {"RESERVED", 32}}};
using KibByFlag = std::map<std::string, int64_t>;

// Returns the KiB of all frames with each flag, as page-types without -p counts them.
KibByFlag KernelKibByFlag() {
  std::map<uint64_t, int64_t> frames;
  std::ifstream file("/proc/kpageflags", std::ios::binary);
  std::vector<uint64_t> words(65536);
  while (true) {
    file.read(reinterpret_cast<char*>(words.data()),
              static_cast<std::streamsize>(words.size() * sizeof(uint64_t)));
    const auto count = static_cast<size_t>(file.gcount()) / sizeof(uint64_t);
    if (count == 0) break;
    size_t start = 0;
    for (size_t i = 1; i <= count; ++i) {
      if (i < count && words[i] == words[start]) continue;
      frames[words[start]] += static_cast<int64_t>(i - start);
      start = i;
    }
  }
  KibByFlag kib;
  for (const auto& [flags, count] : frames) {
    for (const auto& [name, bit] : kFlagBits) {
      kib[name] += static_cast<int64_t>(flags >> bit & 1) * count * 4;
    }
  }
  return kib;
}

KibByFlag ReportedKibByFlag(const std::string& file) {
  KibByFlag kib;
  for (const auto& row : AnalyzeRows({"flags", file})) {
    if (row["names"].is_null()) continue;
    const std::string names = "," + row["names"].get<std::string>() + ",";
    for (const auto& [name, bit] : kFlagBits) {
      if (names.find(fmt::format(",{},", name)) != std::string::npos) {
        kib[name] += row["kib"].get<int64_t>();
      }
    }
  }
  return kib;
}

TEST_F(LiveRamTest, FlagsAreThoseOfAllFrames) {
  KibByFlag before = KernelKibByFlag();
  CaptureUntil([&] {
    KibByFlag after = KernelKibByFlag();
    KibByFlag ours = ReportedKibByFlag(File());
    std::string differences;
    for (const auto& [name, bit] : kFlagBits) {
      // What lies between the two is as right as they are. They lack the memory of capture, which
      // is large under AddressSanitizer.
      const auto [low, high] = std::minmax(before[name], after[name]);
      differences += Difference(ours[name], std::clamp(ours[name], low, high + capture_kib_), name);
    }
    before = std::move(after);
    return differences;
  });
}

// Memory of this process that is known: shared memory is shmem, with and without a mapping.
TEST_F(LiveRamTest, SharedMemoryIsWhereItIs) {
  constexpr size_t kBytes = size_t{64} << 20;
  CaptureRam({"-p", std::to_string(getpid())});
  auto shmem = [&](const char* owner) {
    return Number(
        fmt::format("SELECT COALESCE(SUM(kib), 0) FROM ram_group WHERE kind = 'shmem' AND "
                    "owner = '{}'",
                    owner));
  };
  const int64_t captured_before = shmem("captured");
  const int64_t nobody_before = shmem("nobody");
  const UniqueFd memory(memfd_create("pagesnap-test", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(memory.get(), kBytes), 0);
  void* const place = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  ASSERT_NE(place, MAP_FAILED);
  memset(place, 1, kBytes);
  CaptureRam({"-p", std::to_string(getpid())});
  EXPECT_GE(shmem("captured"), captured_before + 60 * kMib);
  munmap(place, kBytes);
  CaptureRam({"-p", std::to_string(getpid())});
  EXPECT_GE(shmem("nobody"), nobody_before + 60 * kMib);
  EXPECT_LT(shmem("captured"), captured_before + 4 * kMib);
}

TEST_F(LiveRamTest, FileAgreesWithItself) {
  const Workload workload;
  CaptureRam({"-p", std::to_string(workload.pid()), "--freeze"});
  ExpectInvariants(File());
}

}  // namespace
}  // namespace pagesnap
