// How long a capture takes, against what the kernel alone takes.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <optional>

#include "lib/base/number.h"
#include "lib/proc/directory_reader.h"
#include "lib/proc/parse_ram.h"
#include "tests/bench/bare_reads.h"
#include "tests/bench/bench_figures.h"
#include "tests/bench/bench_memory.h"
#include "tests/bench/bench_process.h"
#include "tests/support/live_machine.h"

namespace pagesnap {
namespace {

constexpr size_t kTiB = kGiB << 10;
constexpr size_t kReservePages = 1000;

std::string SmapsOf(pid_t pid) { return fmt::format("/proc/{}/smaps", pid); }

uint64_t CountLines(const std::string& path) {
  std::ifstream file(path);
  uint64_t count = 0;
  for (std::string line; std::getline(file, line);) ++count;
  return count;
}

bool WriteNumber(const char* path, uint64_t number) {
  std::ofstream file(path);
  file << number << std::flush;
  return file.good();
}

// The ratio of pairs of measurements, one right after the other: other load on the machine changes
// within seconds.
class Ratio {
 public:
  void Add(RunTime capture, RunTime base) {
    walls_.push_back(capture.wall);
    cpus_.push_back(capture.cpu);
    base_walls_.push_back(base.wall);
    wall_ratios_.push_back(capture.wall / base.wall);
    cpu_ratios_.push_back(capture.cpu / base.cpu);
  }

  void Show(BenchTable& table, const std::string& figure, std::optional<double> target,
            const char* base) const {
    table.Add(
        fmt::format("{}: wall / {}", figure, base), Median(wall_ratios_), target,
        fmt::format("wall {:.3f} s, CPU {:.3f} s; {} {:.3f} s; CPU / CPU {:.2f}", Median(walls_),
                    Median(cpus_), base, Median(base_walls_), Median(cpu_ratios_)));
  }

 private:
  std::vector<double> walls_, cpus_, base_walls_, wall_ratios_, cpu_ratios_;
};

// Compares captures of a process that has `count` mappings of a page each with cat of its smaps.
void CompareWithSmaps(Bench& bench, size_t count) {
  Target target([&] { MakeMappings(count); });
  Ratio ratio;
  for (int round = 0; round < bench.rounds(); ++round) {
    RunTime cat = TimeCommand({"cat", SmapsOf(target.pid())});
    ratio.Add(bench.Capture({"-p", std::to_string(target.pid())}), cat);
  }
  std::string figure = HumanCount(count) + " mappings";
  ratio.Show(bench.table(), figure, 2, "cat smaps");
  uint64_t mappings = CountLines(fmt::format("/proc/{}/maps", target.pid()));
  uint64_t pages = bench.Query(
      "SELECT sum(present_count) FROM page_chunk c JOIN mapping m ON m.id = c.mapping_id "
      "WHERE m.page_count = 1");
  bench.table().AddCheck(
      figure + ": all captured",
      bench.Query("SELECT count(*) FROM mapping") == mappings && pages >= count - 2,
      fmt::format("{} mappings, {} pages in mappings of one", HumanCount(mappings),
                  HumanCount(pages)));
  bench.AddPeakRss(figure);
}

struct LargeTargets {
  std::optional<double> default_jobs;
  std::optional<double> one_job;
};

// `make_pages` makes the small pages; `how` says how.
void MeasureLarge(Bench& bench, const std::string& how, char* (*make_pages)(size_t),
                  const LargeTargets& targets) {
  const size_t bytes = bench.quick() ? kGiB / 2 : 2 * kGiB;
  Target target([&] {
    make_pages(bytes);
    MakeHugePages(256 * kMiB);
    MakeReserve(kTiB, kReservePages);
  });
  BareReads bare(target.pid());
  const std::string pid = std::to_string(target.pid());
  struct Variant {
    std::string name;
    std::vector<std::string> arguments;
    std::optional<double> target;
    Ratio ratio = {};
  };
  Variant variants[] = {{"default jobs", {"-p", pid}, targets.default_jobs},
                        {"--jobs 1", {"-p", pid, "--jobs", "1"}, targets.one_job},
                        {"default jobs, --smaps", {"-p", pid, "--smaps"}, {}},
                        {"--jobs 1 --smaps", {"-p", pid, "--jobs", "1", "--smaps"}, {}}};
  for (int round = 0; round < bench.rounds(); ++round) {
    for (Variant& variant : variants) {
      RunTime base = bare.Run();
      variant.ratio.Add(bench.Capture(variant.arguments), base);
    }
  }
  std::string name = fmt::format("{} {} + 256 MiB THP + 1 TiB reserve", HumanBytes(bytes), how);
  for (const Variant& variant : variants) {
    variant.ratio.Show(bench.table(), name + ", " + variant.name, variant.target, "bare reads");
  }
  static_cast<void>(bench.Capture({"-p", pid}));
  bench.AddPeakRss(name);
}

}  // namespace

void MeasureLargeProcess(Bench& bench) {
  // Where frames lie side by side, the kernel's part is several times smaller.
  MeasureLarge(bench, "touched in random order", MakeShuffledPages, {});
  MeasureLarge(bench, "in random frames", MakeRandomPages, {0.75, 1.15});
}

void MeasureReserve(Bench& bench) {
  Target target([] { MakeReserve(kTiB, kReservePages); });
  std::vector<double> walls;
  for (int round = 0; round < bench.rounds(); ++round) {
    walls.push_back(bench.Capture({"-p", std::to_string(target.pid())}).wall);
  }
  bench.table().Add("1 TiB reserved, 1,000 pages touched: wall, s", Median(walls), 0.1);
}

void MeasureRam(Bench& bench) {
  DirectoryReader reader("/");
  std::vector<WordRange> ranges;
  for (const RamRange& range :
       ParseIomemRam(ReadWholeText(reader, "proc/iomem"), kBenchPageBytes)) {
    ranges.push_back({range.first_pfn, range.frame_count});
  }
  BareReads bare(ranges);
  Ratio ratio;
  for (int round = 0; round < bench.rounds(); ++round) {
    const RunTime base = bare.Run();
    ratio.Add(bench.Capture({"--frames", "all"}), base);
  }
  const std::string name = HumanBytes(bare.frame_count() * kBenchPageBytes) + " of RAM";
  // capture leaves out words that kpageflags implies: of free and of unmapped frames.
  ratio.Show(bench.table(), name, 0.65, "bare reads");
  const double words = 3.0 * static_cast<double>(bare.frame_count());
  const auto read = static_cast<double>(
      bench.Query("SELECT SUM(byte_count) / 8 FROM cost WHERE source GLOB 'kpage*'"));
  const auto bytes =
      static_cast<double>(bench.Query("SELECT SUM(LENGTH(facts)) FROM frame_content"));
  const uint64_t runs = bench.Query("SELECT COUNT(*) FROM ram_run");
  bench.table().Add(name + ": facts, bytes / frame",
                    bytes / static_cast<double>(bare.frame_count()), 0.1,
                    fmt::format("{} runs of frames that are alike", HumanCount(runs)));
  bench.table().Add(name + ": words read / words", read / words, {});
  bench.AddPeakRss(name);
}

void MeasureMappings(Bench& bench) { CompareWithSmaps(bench, 60'000); }

void MeasureManyMappings(Bench& bench) {
  constexpr const char* kLimitPath = "/proc/sys/vm/max_map_count";
  constexpr size_t kCount = 1'000'000;
  uint64_t limit = 0;
  std::ifstream(kLimitPath) >> limit;
  Undo restore([=] { return WriteNumber(kLimitPath, limit); });
  if (limit < kCount + 1000 && !WriteNumber(kLimitPath, kCount + 1000)) {
    fmt::print("# 1,000,000 mappings: left out, vm.max_map_count cannot be raised\n");
    return;
  }
  CompareWithSmaps(bench, kCount);
}

void MeasureProcesses(Bench& bench) {
  constexpr size_t kCount = 1000;
  SharedMemory<std::array<pid_t, kCount>> pids;
  Target parent([&] {
    for (pid_t& pid : *pids) {
      pid_t child = ForkTied();
      if (child == 0) {
        MakeShuffledPages(256 << 10);
        while (true) pause();
      }
      pid = child;
    }
  });
  usleep(500'000);  // the last children may still be touching their pages
  std::vector<std::string> cat = {"cat", SmapsOf(parent.pid())};
  for (pid_t pid : *pids) cat.push_back(SmapsOf(pid));
  Ratio ratio;
  for (int round = 0; round < bench.rounds(); ++round) {
    RunTime base = TimeCommand(cat);
    ratio.Add(bench.Capture({"-t", std::to_string(parent.pid())}), base);
  }
  bool complete = bench.Query("SELECT count(*) FROM process WHERE mapping_count > 0") == kCount + 1;
  ratio.Show(bench.table(), "1,000 processes", 2, "cat of their smaps");
  bench.table().AddCheck("1,000 processes: all captured", complete);
  bench.AddPeakRss("1,000 processes");
}

void MeasureFamily(Bench& bench) {
  constexpr size_t kMaxCount = 500;
  const size_t count = bench.quick() ? kMaxCount / 5 : kMaxCount;
  SharedMemory<std::array<pid_t, kMaxCount>> pids;
  Target parent([&] {
    constexpr size_t kHeap = 16 * kMiB;
    char* const heap = MakeShuffledPages(kHeap);
    for (size_t i = 0; i < count; ++i) {
      const pid_t child = ForkTied();
      if (child == 0) {
        ChangePages(heap, kHeap, kHeap / kBenchPageBytes / 25);
        while (true) pause();
      }
      (*pids)[i] = child;
    }
  });
  usleep(500'000);  // the last children may still be writing
  std::vector<std::string> cat = {"cat", SmapsOf(parent.pid())};
  for (size_t i = 0; i < count; ++i) cat.push_back(SmapsOf((*pids)[i]));
  Ratio ratio;
  for (int round = 0; round < bench.rounds(); ++round) {
    const RunTime base = TimeCommand(cat);
    ratio.Add(bench.Capture({"-t", std::to_string(parent.pid())}), base);
  }
  const std::string name = fmt::format("{} forked, 4 % of 16 MiB written by each", count);
  ratio.Show(bench.table(), name, 1.1, "cat of their smaps");
  bench.table().Add(name + ": file bytes / page", bench.BytesPerPage(), 0.8, "");
  bench.AddPeakRss(name);
}

}  // namespace pagesnap
