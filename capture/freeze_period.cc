#include "capture/freeze_period.h"

namespace pagesnap {

FreezePeriod::~FreezePeriod() { End(FreezeEnd::kComplete); }

std::map<int32_t, Stop> FreezePeriod::StopAlso(std::span<const int32_t> pids) {
  if (!held()) {
    deadline_ns_ = MonotonicNow() + limit_ns_;
    held_.store(true, std::memory_order_release);
  }
  return freezer_.Freeze(pids);
}

void FreezePeriod::AddBytes(size_t bytes) {
  if (bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes > max_bytes_) {
    End(FreezeEnd::kFull);
  }
}

void FreezePeriod::CheckLimit() {
  if (held() && MonotonicNow() >= deadline_ns_) End(FreezeEnd::kLimit);
}

void FreezePeriod::End(FreezeEnd why) {
  const std::lock_guard lock(mutex_);
  if (!held()) return;
  stops_ = freezer_.Thaw();
  why_ = why;
  held_.store(false, std::memory_order_release);
}

}  // namespace pagesnap
