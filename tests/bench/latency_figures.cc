// What a process that runs on feels of a capture.
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

#include "tests/bench/bench_figures.h"
#include "tests/bench/bench_memory.h"
#include "tests/bench/bench_process.h"

namespace pagesnap {
namespace {

// Counts durations in classes 1/16 wide: 16 for each power of two.
class Histogram {
 public:
  void Add(uint64_t nanoseconds) {
    counts_[ClassOf(nanoseconds)].fetch_add(1, std::memory_order_relaxed);
    if (nanoseconds > max_.load(std::memory_order_relaxed)) max_ = nanoseconds;
  }

  void Clear() {
    for (auto& count : counts_) count = 0;
    max_ = 0;
  }

  // Returns the duration that this share of all does not exceed, in microseconds.
  [[nodiscard]] double Quantile(double share) const {
    uint64_t total = 0;
    for (const auto& count : counts_) total += count;
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (static_cast<double>(seen) >= share * static_cast<double>(total)) {
        return static_cast<double>(LowerBound(i + 1)) / 1000;
      }
    }
    return 0;
  }
  [[nodiscard]] double Max() const { return static_cast<double>(max_) / 1000; }

 private:
  static constexpr int kSteps = 16;

  static size_t ClassOf(uint64_t value) {
    value = std::max<uint64_t>(value, kSteps);
    int shift = std::bit_width(value) - 5;
    return static_cast<size_t>(shift * kSteps) + (value >> shift) - kSteps;
  }
  static uint64_t LowerBound(size_t number) {
    return (number % kSteps + kSteps) << (number / kSteps);
  }

  std::array<std::atomic<uint64_t>, 40 * kSteps> counts_;
  std::atomic<uint64_t> max_;
};

[[noreturn]] void FaultForEver(Histogram& histogram) {
  constexpr size_t kBytes = 64 * kMiB;
  auto* start = static_cast<volatile char*>(
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  madvise(const_cast<char*>(start), kBytes, MADV_NOHUGEPAGE);
  while (true) {
    for (size_t i = 0; i < kBytes; i += kBenchPageBytes) {
      double before = Now();
      start[i] = 1;
      histogram.Add(static_cast<uint64_t>((Now() - before) * 1e9));
    }
    madvise(const_cast<char*>(start), kBytes, MADV_DONTNEED);
  }
}

}  // namespace

void MeasureFaultLatency(Bench& bench) {
  const double seconds = bench.quick() ? 0.7 : 4;
  SharedMemory<Histogram> faults;
  Target target([&] { MakeRandomPages(bench.quick() ? 128 * kMiB : kGiB); }, {},
                [&] { FaultForEver(*faults); });
  const std::string pid = std::to_string(target.pid());
  auto measure = [&](const std::function<void()>& meanwhile) {
    faults->Clear();
    for (double end = Now() + seconds; Now() < end;) meanwhile();
    return std::array{faults->Quantile(0.5), faults->Quantile(0.99), faults->Max()};
  };
  auto alone = measure([] { usleep(10'000); });
  struct Variant {
    std::string name;
    std::vector<std::string> arguments;
  };
  const Variant variants[] = {{"capture", {"-p", pid}},
                              {"capture --smaps", {"-p", pid, "--smaps"}},
                              {"capture --nice --jobs 1", {"-p", pid, "--nice", "--jobs", "1"}}};
  for (const Variant& variant : variants) {
    auto during = measure([&] { static_cast<void>(bench.Capture(variant.arguments)); });
    bench.table().Add(
        fmt::format("page faults during {}: p99 / p99 without", variant.name), during[1] / alone[1],
        {},
        fmt::format("p50 {:.1f}, p99 {:.1f}, max {:.0f} us; without {:.1f}, {:.1f}, {:.0f}",
                    during[0], during[1], during[2], alone[0], alone[1], alone[2]));
  }
}

}  // namespace pagesnap
