// How long --freeze stops its targets, from the first stop to the last release.
#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "lib/base/number.h"
#include "tests/bench/bare_reads.h"
#include "tests/bench/bench_figures.h"
#include "tests/bench/bench_memory.h"
#include "tests/bench/bench_process.h"

namespace pagesnap {
namespace {

// Captures with --freeze and returns for how long the targets were stopped, in seconds.
double StopTime(Bench& bench, std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--freeze", "--freeze-limit", "60"});
  static_cast<void>(bench.Capture(arguments));
  const uint64_t ns = bench.Query(
      "SELECT CAST(value AS INTEGER) FROM system_fact WHERE name = 'capture.freeze_ns'");
  return static_cast<double>(ns) / 1e9;
}

void StopOneLargeProcess(Bench& bench) {
  const size_t bytes = bench.quick() ? kGiB / 2 : 2 * kGiB;
  Target target([&] { MakeRandomPages(bytes); });
  BareReads bare(target.pid());
  const std::string pid = std::to_string(target.pid());
  std::vector<double> ratios, stops, bares;
  for (int round = 0; round < bench.rounds(); ++round) {
    bares.push_back(bare.Run().wall);
    stops.push_back(StopTime(bench, {"-p", pid}));
    ratios.push_back(stops.back() / bares.back());
  }
  bench.table().Add(
      fmt::format("--freeze of {} in random frames: stopped / bare reads", HumanBytes(bytes)),
      Median(ratios), 1.2,
      fmt::format("stopped {:.3f} s, bare reads {:.3f} s", Median(stops), Median(bares)));
}

template <size_t count>
void StopProcesses(Bench& bench) {
  SharedMemory<std::array<pid_t, count>> pids;
  Target parent([&] {
    for (pid_t& pid : *pids) {
      pid = ForkTied();
      if (pid != 0) continue;
      MakeShuffledPages(256 << 10);
      while (true) pause();
    }
  });
  usleep(500'000);  // the last children may still be touching their pages
  std::vector<double> stops;
  for (int round = 0; round < bench.rounds(); ++round) {
    stops.push_back(StopTime(bench, {"-t", std::to_string(parent.pid())}));
  }
  bench.table().Add(fmt::format("--freeze of {} processes: stopped, s", count + 1), Median(stops),
                    {});
}

}  // namespace

void MeasureFreeze(Bench& bench) {
  StopOneLargeProcess(bench);
  StopProcesses<1>(bench);
  StopProcesses<100>(bench);
  StopProcesses<1000>(bench);
}

}  // namespace pagesnap
