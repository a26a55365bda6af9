// The figures of the benchmark, each with the target that it makes itself.
#ifndef TESTS_BENCH_BENCH_FIGURES_H_
#define TESTS_BENCH_BENCH_FIGURES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/bench_process.h"
#include "tests/bench/bench_table.h"

namespace pagesnap {

// Where files go, and how much is done.
class Bench {
 public:
  explicit Bench(bool quick);
  ~Bench();
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  [[nodiscard]] bool quick() const { return quick_; }
  // How often each measurement is repeated.
  [[nodiscard]] int rounds() const { return quick_ ? 3 : 7; }
  BenchTable& table() { return table_; }
  [[nodiscard]] std::string File() const { return folder_ + "/bench.pagesnap"; }

  // Captures into File() with these arguments and says how long that took.
  [[nodiscard]] RunTime Capture(const std::vector<std::string>& arguments) const;

  // Asks File(): one number.
  [[nodiscard]] uint64_t Query(const std::string& sql) const;
  [[nodiscard]] double BytesPerPage() const;

  // Adds the peak RSS of the capture in File(), and how much it may be: 64 MiB, one bit for each
  // frame of RAM, and 64 bytes for each mapping.
  void AddPeakRss(const std::string& figure);

 private:
  bool quick_;
  std::string folder_;
  BenchTable table_;
};

void MeasureLargeProcess(Bench& bench);
void MeasureReserve(Bench& bench);
void MeasureRam(Bench& bench);  // --frames all, of the machine as it is
void MeasureMappings(Bench& bench);
void MeasureManyMappings(Bench& bench);  // a million; raises vm.max_map_count meanwhile
void MeasureProcesses(Bench& bench);
void MeasureFamily(Bench& bench);  // forked processes that share most of their heap
void MeasureSharedMemory(Bench& bench);
void MeasureSeries(Bench& bench);
void MeasureFaultLatency(Bench& bench);
void MeasureFreeze(Bench& bench);

}  // namespace pagesnap

#endif  // TESTS_BENCH_BENCH_FIGURES_H_
