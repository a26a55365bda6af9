#include "capture/ticks.h"

#include <algorithm>

namespace pagesnap {
namespace {

// With an interval that is shorter than this, a busy machine may wake up a program too late each
// time.
constexpr int64_t kMinLatenessNs = 100'000'000;

}  // namespace

int64_t Ticks::Next(int64_t now_ns, int64_t earliest_ns) const {
  const int64_t after_ns = std::max({now_ns, earliest_ns - 1, start_ns_});
  return start_ns_ + ((after_ns - start_ns_) / interval_ns_ + 1) * interval_ns_;
}

bool Ticks::IsMissed(int64_t due_ns, int64_t now_ns) const {
  return now_ns - due_ns >= std::max(interval_ns_, kMinLatenessNs);
}

}  // namespace pagesnap
