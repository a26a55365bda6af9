// Measures each input: memory as it is allocated, and the CPU time of the process, which other work
// on the machine does not change.
#include "tests/fuzz/one_input.h"

#include <time.h>

#include <cstdio>
#include <cstdlib>

#include "lib/base/memory_budget.h"

namespace {

// A small file needs a few MiB, and no input is larger than one.
constexpr int64_t kMaxBytes = int64_t{256} << 20;
// A sanitizer takes five to ten times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
constexpr double kMaxCpuSeconds = 60;
#else
constexpr double kMaxCpuSeconds = 20;
#endif

double CpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const int64_t before = pagesnap::MemoryInUse();
  const double start = CpuSeconds();
  pagesnap::ResetPeakMemory();
  TestOneInput(data, size);
  const double seconds = CpuSeconds() - start;
  const int64_t bytes = pagesnap::PeakMemory() - before;
  if (bytes > kMaxBytes || seconds > kMaxCpuSeconds) {
    std::fprintf(stderr, "an input of %zu bytes took %lld bytes of memory and %.1f s of CPU time\n",
                 size, static_cast<long long>(bytes), seconds);
    std::abort();
  }
  return 0;
}
