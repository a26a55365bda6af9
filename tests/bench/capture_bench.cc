// What capture costs, against its targets: capture_bench [--quick] [PART...]. Not run by ctest: it
// needs root, some gigabytes of memory, minutes, and a machine that is quiet. It makes the
// processes that it captures itself, and removes them however it ends.
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "lib/base/error.h"
#include "lib/base/number.h"
#include "tests/bench/bench_figures.h"
#include "tests/bench/bench_memory.h"

namespace pagesnap {
namespace {

struct Part {
  const char* name;
  void (*measure)(Bench&);
  bool in_quick;
};

// Those that leave the free memory in pieces come last: for a while, others are given frames then
// that lie all over RAM. Most of all that counts for shared memory, where the file says each place.
constexpr Part kParts[] = {{"ram", MeasureRam, true},
                           {"shared", MeasureSharedMemory, true},
                           {"reserve", MeasureReserve, true},
                           {"mappings", MeasureMappings, true},
                           {"million", MeasureManyMappings, false},
                           {"processes", MeasureProcesses, true},
                           {"family", MeasureFamily, true},
                           {"large", MeasureLargeProcess, true},
                           {"series", MeasureSeries, true},
                           {"latency", MeasureFaultLatency, true},
                           {"freeze", MeasureFreeze, true}};

void PrintMachine() {
  utsname names;
  double load[3] = {};
  if (uname(&names) != 0 || getloadavg(load, 3) != 3) return;
  fmt::print("# {} cores, {} RAM, {} {} {}, load {:.1f} {:.1f} {:.1f}\n",
             sysconf(_SC_NPROCESSORS_ONLN),
             HumanBytes(static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * kBenchPageBytes),
             names.sysname, names.release, names.machine, load[0], load[1], load[2]);
}

bool IsWanted(const Part& part, const std::vector<std::string>& names, bool quick) {
  if (names.empty()) return !quick || part.in_quick;
  return std::find(names.begin(), names.end(), part.name) != names.end();
}

int RunBench(int argc, char** argv) {
  bool quick = false;
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--quick") == 0) {
      quick = true;
    } else if (std::any_of(std::begin(kParts), std::end(kParts),
                           [&](const Part& part) { return strcmp(part.name, argv[i]) == 0; })) {
      names.emplace_back(argv[i]);
    } else {
      fmt::print(stderr, "usage: capture_bench [--quick] [");
      for (const Part& part : kParts) fmt::print(stderr, " {}", part.name);
      fmt::print(stderr, " ]\n");
      return 2;
    }
  }
  if (geteuid() != 0) throw Error("run it as root: only root sees PFNs and the kpage files");
  PrintMachine();
  Bench bench(quick);
  for (const Part& part : kParts) {
    if (IsWanted(part, names, quick)) part.measure(bench);
  }
  bench.table().Print();
  PrintMachine();
  return bench.table().all_met() ? 0 : 1;
}

}  // namespace
}  // namespace pagesnap

int main(int argc, char** argv) {
  try {
    return pagesnap::RunBench(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "capture_bench: {}\n", error.what());
    return 1;
  }
}
