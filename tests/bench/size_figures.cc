// How large the files are.
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "lib/base/number.h"
#include "tests/bench/bench_figures.h"
#include "tests/bench/bench_memory.h"
#include "tests/bench/bench_process.h"
#include "tests/support/run_command.h"

namespace pagesnap {

void MeasureSharedMemory(Bench& bench) {
  constexpr int kProcesses = 9;
  size_t bytes = bench.quick() ? kGiB : 4 * kGiB;
  while (bytes > FreeBytes() / 2) bytes /= 2;
  UniqueFd memory(memfd_create("pagesnap-bench", MFD_CLOEXEC));
  if (!memory.valid() || ftruncate(memory.get(), static_cast<off_t>(bytes)) != 0) {
    throw Error("no memfd: " + ErrnoText(errno));
  }
  auto map = [&] {
    void* place =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, memory.get(), 0);
    if (place == MAP_FAILED) throw Error("mmap: " + ErrnoText(errno));
  };
  // Where memory is in pieces, so are the frames of whatever is filled, and each costs what its
  // place says; what is measured here is sharing. Nothing is lost where the kernel cannot do it.
  sync();
  std::ofstream("/proc/sys/vm/drop_caches") << 3 << std::flush;
  // One pass ends where its two scanners meet, and leaves much to the next.
  for (int pass = 0; pass < 4; ++pass) {
    std::ofstream("/proc/sys/vm/compact_memory") << 1 << std::flush;
  }
  SharedMemory<std::atomic<int>> ready;
  Target parent([&] {
    map();
    for (int i = 1; i < kProcesses; ++i) {
      if (ForkTied() != 0) continue;
      map();
      ++*ready;
      while (true) pause();
    }
    while (*ready < kProcesses - 1) usleep(1000);
  });
  double wall = bench.Capture({"-t", std::to_string(parent.pid())}).wall;
  const uint64_t runs =
      bench.Query("SELECT sum(run_count) FROM run_length") / static_cast<uint64_t>(kProcesses);
  bench.table().Add(fmt::format("9 processes over {} of shared memory: file bytes / page word",
                                HumanBytes(bytes)),
                    bench.BytesPerPage(), 0.03,
                    fmt::format("filled from start to end, {} frames in {} physical runs; file {}, "
                                "wall {:.3f} s",
                                HumanCount(bytes / kBenchPageBytes), HumanCount(runs),
                                HumanBytes(std::filesystem::file_size(bench.File())), wall));
  bench.AddPeakRss("9 processes over shared memory");
}

void MeasureSeries(Bench& bench) {
  const size_t bytes = bench.quick() ? 256 * kMiB : 2 * kGiB;
  char* start = nullptr;
  Target target([&] { start = MakeRandomPages(bytes); },
                [&] { ChangePages(start, bytes, bytes / kBenchPageBytes / 100); });
  std::string pid = std::to_string(target.pid());
  static_cast<void>(bench.Capture({"-p", pid}));
  bench.table().Add("random frames: file bytes / page", bench.BytesPerPage(), 3.0,
                    HumanBytes(bytes) + " in one process, all columns");

  std::filesystem::remove(bench.File());
  ChildProcess capture({BuiltProgram("capture"), "-p", pid, "-o", bench.File(), "--interval",
                        bench.quick() ? "0.3" : "1", "--count", "10"});
  double first_size = 0;
  for (int i = 0; i < 10; ++i) {
    capture.ReadLine();  // the snapshot is in the file
    if (i == 0) first_size = static_cast<double>(std::filesystem::file_size(bench.File()));
    if (i < 9) target.Command();
  }
  capture.Wait();
  double size = static_cast<double>(std::filesystem::file_size(bench.File()));
  bench.table().Add("series of 10, 1 % changed between: file / first snapshot alone",
                    size / first_size, 1.5,
                    fmt::format("{} and {}", HumanBytes(static_cast<uint64_t>(size)),
                                HumanBytes(static_cast<uint64_t>(first_size))));
  bench.AddPeakRss("series of 10");
}

}  // namespace pagesnap
