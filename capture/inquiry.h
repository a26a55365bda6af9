// Which processes answer, in one snapshot.
#ifndef CAPTURE_INQUIRY_H_
#define CAPTURE_INQUIRY_H_

#include <chrono>
#include <cstdint>
#include <set>
#include <span>

#include "capture/prober.h"

namespace pagesnap {

// Asks each process once, and keeps what was found: whoever has to know it takes no more time, and
// two answers cannot differ. For one thread; others may look while it does not ask.
class Inquiry {
 public:
  // `prober` is borrowed; null: all processes answer.
  explicit Inquiry(Prober* prober) : prober_(prober) {}

  // Asks those of `pids` that were not asked yet. `patience` is for each of them. Throws
  // Interrupted.
  void Ask(std::span<const int32_t> pids, std::chrono::milliseconds patience);

  // Asks those of `pids` that were found silent whether at least their stat answers.
  void AskForStat(std::span<const int32_t> pids);

  // Returns whether nothing may be read of the memory of a process.
  [[nodiscard]] bool IsSilent(int32_t pid) const { return silent_.contains(pid); }
  // Returns whether its stat may be read: of a silent process, after AskForStat().
  [[nodiscard]] bool HasStat(int32_t pid) const { return !without_stat_.contains(pid); }
  [[nodiscard]] const std::set<int32_t>& silent() const { return silent_; }

 private:
  Prober* prober_;
  std::set<int32_t> asked_;
  std::set<int32_t> silent_;
  std::set<int32_t> asked_for_stat_;
  std::set<int32_t> without_stat_;
};

}  // namespace pagesnap

#endif  // CAPTURE_INQUIRY_H_
