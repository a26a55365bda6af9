// The Prober of a real machine.
#ifndef CAPTURE_FORK_PROBER_H_
#define CAPTURE_FORK_PROBER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "capture/prober.h"

namespace pagesnap {

// A child process asks the processes, one after the other: the read of one page word takes both
// locks. A wait for them ends by fatal signals only, and a thread that waits so could not be ended
// alone: the child is killed, and another one goes on behind the process that did not answer.
class ForkProber final : public Prober {
 public:
  // After so many processes that did not answer, kShortPatience has to be enough for the others:
  // capture ends in time, however many there are.
  static constexpr size_t kMaxPatient = 5;

  // `root` is the folder that holds proc. `interrupted` is borrowed and may be null.
  // `short_time` is kShortTime, except in tests.
  ForkProber(std::string root, const std::atomic<bool>* interrupted,
             std::chrono::nanoseconds short_time = kShortTime)
      : root_(std::move(root)), interrupted_(interrupted), short_time_(short_time) {}

  void BeginPhase() override { short_left_ = short_time_; }

  // Without a child (ulimit -u) no process is found silent.
  std::set<int32_t> FindSilent(std::span<const int32_t> pids, Question question,
                               std::chrono::milliseconds patience) override;

 private:
  std::string root_;
  const std::atomic<bool>* interrupted_;
  std::chrono::nanoseconds short_time_;
  std::chrono::nanoseconds short_left_ = short_time_;
};

}  // namespace pagesnap

#endif  // CAPTURE_FORK_PROBER_H_
