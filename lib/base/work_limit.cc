#include "lib/base/work_limit.h"

#include <fmt/format.h>
#include <time.h>

#include <utility>

#include "lib/base/error.h"
#include "lib/base/memory_budget.h"

namespace pagesnap {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
// A CPU clock takes a system call; the coarse clock, which the kernel moves on at each tick, does
// not (vdso(7)).
constexpr int64_t kBetweenLooksNs = 5'000'000;

thread_local constinit WorkLimit* current = nullptr;

int64_t ReadClock(clockid_t clock) noexcept {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * kNsPerSecond + time.tv_nsec;
}

}  // namespace

int64_t WorkLimitFor(int64_t file_bytes) {
  if (file_bytes <= kUnitFileBytes) return kWorkLimitNs;
  const __int128 limit = static_cast<__int128>(kWorkLimitNs) * file_bytes / kUnitFileBytes;
  return limit < kNoWorkLimit ? static_cast<int64_t>(limit) : kNoWorkLimit;
}

WorkLimit::WorkLimit(Clock clock, int64_t cpu_ns, std::string label)
    : clock_(clock), cpu_ns_(cpu_ns), label_(std::move(label)) {}

int64_t WorkLimit::Now() const noexcept {
  return ReadClock(clock_ == Clock::kProcess ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_THREAD_CPUTIME_ID);
}

bool WorkLimit::IsOver() noexcept {
  if (over_) return true;
  const int64_t now = ReadClock(CLOCK_MONOTONIC_COARSE);
  if (now - last_look_ns_ < kBetweenLooksNs && start_ns_ != kUnknown) return false;
  last_look_ns_ = now;
  was_interrupted_ = interrupted_ && interrupted_();
  if (was_interrupted_) return true;
  if (start_ns_ == kUnknown) start_ns_ = Now();
  over_ = cpu_ns_ != kNoWorkLimit && Now() - start_ns_ >= cpu_ns_;
  return over_;
}

void WorkLimit::ThrowOver() const {
  if (was_interrupted_) throw LimitError("interrupted");
  throw LimitError(
      fmt::format("{} takes more than {} s of CPU time, which is more than a file of its size "
                  "should: ask for less, as with --pid, or lift the limit if you trust the file "
                  "(--no-limit; in SQLite, pagesnap_no_limit())",
                  label_, cpu_ns_ / kNsPerSecond));
}

WorkScope::WorkScope(WorkLimit* limit) : before_(current) {
  if (limit == nullptr || limit == current) return;
  limit->Restart();
  current = limit;
}

WorkScope::~WorkScope() { current = before_; }

WorkLimit* CurrentWork() noexcept { return current; }

}  // namespace pagesnap
