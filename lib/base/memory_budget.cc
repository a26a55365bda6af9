#include "lib/base/memory_budget.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>

namespace pagesnap {
namespace {

// Threads add up so much before they touch the shared counter, which is what makes counting cheap.
constexpr int64_t kHeldBack = int64_t{256} << 10;

std::atomic<int64_t> in_use{0};
std::atomic<int64_t> peak{0};
std::atomic<int64_t> limit{INT64_MAX};
std::atomic<int64_t> unit_limit{kMemoryLimit};
std::atomic<int64_t> open_bytes{0};
std::atomic<int> allowances{0};

// No destructor: it would run before the last allocations of the thread.
struct Held {
  int64_t bytes;
  bool registered;
};
thread_local constinit Held held{0, false};

void AddHeld() noexcept {
  in_use.fetch_add(held.bytes, std::memory_order_relaxed);
  held.bytes = 0;
}

// Called when a thread ends. A thread-local object with a destructor would do the same, but the C++
// library allocates to register one.
void AddHeldAtExit(void*) { AddHeld(); }

void RegisterThread() noexcept {
  static const pthread_key_t key = [] {
    pthread_key_t made;
    pthread_key_create(&made, AddHeldAtExit);
    return made;
  }();
  held.registered = true;
  pthread_setspecific(key, &held);
}

void UpdateLimit() noexcept {
  const int64_t unit = unit_limit.load();
  const int64_t more = open_bytes.load() - kUnitFileBytes;
  // 128-bit, as a sparse file can claim any size.
  const __int128 bytes =
      more > 0 ? unit + static_cast<__int128>(unit) * more / kUnitFileBytes : unit;
  const bool in_force = allowances.load() > 0 && bytes < INT64_MAX;
  limit.store(in_force ? static_cast<int64_t>(bytes) : INT64_MAX);
}

}  // namespace

int64_t MemoryInUse() noexcept { return in_use.load(std::memory_order_relaxed) + held.bytes; }

int64_t PeakMemory() noexcept {
  return std::max(peak.load(std::memory_order_relaxed), MemoryInUse());
}

void ResetPeakMemory() noexcept { peak.store(MemoryInUse(), std::memory_order_relaxed); }

bool TakeMemory(size_t bytes) noexcept {
  if (bytes > static_cast<size_t>(INT64_MAX / 4)) return false;
  const auto size = static_cast<int64_t>(bytes);
  if (!held.registered) RegisterThread();
  held.bytes += size;
  if (held.bytes < kHeldBack) return true;
  const int64_t total = in_use.fetch_add(held.bytes, std::memory_order_relaxed) + held.bytes;
  held.bytes = 0;
  if (total <= limit.load(std::memory_order_relaxed)) {
    int64_t most = peak.load(std::memory_order_relaxed);
    while (total > most && !peak.compare_exchange_weak(most, total, std::memory_order_relaxed)) {
    }
    return true;
  }
  in_use.fetch_sub(size, std::memory_order_relaxed);
  return false;
}

void GiveMemory(size_t bytes) noexcept {
  held.bytes -= static_cast<int64_t>(bytes);
  if (held.bytes <= -kHeldBack) AddHeld();
}

MemoryAllowance::MemoryAllowance(int64_t file_bytes) noexcept : file_bytes_(file_bytes) {
  open_bytes.fetch_add(file_bytes_);
  allowances.fetch_add(1);
  UpdateLimit();
}

MemoryAllowance::~MemoryAllowance() {
  open_bytes.fetch_sub(file_bytes_);
  allowances.fetch_sub(1);
  UpdateLimit();
}

MemoryLimitForTest::MemoryLimitForTest(int64_t bytes) noexcept {
  unit_limit.store(bytes);
  UpdateLimit();
}

MemoryLimitForTest::~MemoryLimitForTest() {
  unit_limit.store(kMemoryLimit);
  UpdateLimit();
}

std::string MemoryMessage(const std::string& label) {
  return fmt::format(
      "{} takes more memory than there is, or than the {} MiB that are for a file of its size: ask "
      "for less, as with --pid; or else it is damaged, or was made to",
      label, limit.load() == INT64_MAX ? kMemoryLimit >> 20 : limit.load() >> 20);
}

}  // namespace pagesnap
