// A Freezer that stops nothing and says what a test wants it to.
#ifndef TESTS_SUPPORT_FAKE_FREEZER_H_
#define TESTS_SUPPORT_FAKE_FREEZER_H_

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "capture/freezer.h"
#include "capture/monotonic.h"

namespace pagesnap {

class FakeFreezer final : public Freezer {
 public:
  // What will be said of a process: why it cannot be stopped; that it is exempt.
  // With `partly`, some of its threads stood still until the process was given up.
  void SetProblem(int32_t pid, const std::string& problem, bool partly = false) {
    problems_[pid] = {problem, partly};
  }
  void SetExempt(int32_t pid) { exempt_.insert(pid); }
  // The process is let go (by the limit) or, with `ended`, dies at this moment.
  void Release(int32_t pid, bool ended = false) {
    Stop& stop = stops_.at(pid);
    if (stop.stopped_ns != 0) stop.released_ns = MonotonicNow();
    stop.ended = ended;
  }

  std::map<int32_t, Stop> Freeze(std::span<const int32_t> pids) override {
    calls_.emplace_back(pids.begin(), pids.end());
    std::map<int32_t, Stop> answer;
    for (int32_t pid : pids) {
      Stop stop{.first_stop_ns = MonotonicNow(), .stopped_ns = MonotonicNow()};
      if (exempt_.contains(pid)) stop = {.exempt = true};
      if (auto found = problems_.find(pid); found != problems_.end()) {
        stop = {.problem = found->second.first};
        if (found->second.second) {
          stop.released_ns = MonotonicNow();
          stop.first_stop_ns = stop.released_ns - kHeldUpNs;
        }
      }
      stops_[pid] = answer[pid] = stop;
    }
    return answer;
  }

  std::map<int32_t, Stop> Thaw() override {
    for (auto& [pid, stop] : stops_) {
      if (stop.stopped_ns != 0 && stop.released_ns == 0) stop.released_ns = MonotonicNow();
    }
    ++thaw_count_;
    return std::exchange(stops_, {});
  }

  // The pids of each call of Freeze().
  [[nodiscard]] const std::vector<std::vector<int32_t>>& calls() const { return calls_; }
  [[nodiscard]] int thaw_count() const { return thaw_count_; }
  // Returns whether the process is stopped now.
  [[nodiscard]] bool IsStopped(int32_t pid) const {
    auto found = stops_.find(pid);
    return found != stops_.end() && found->second.stopped_ns != 0 && found->second.released_ns == 0;
  }

 private:
  static constexpr int64_t kHeldUpNs = 1'000'000;

  std::map<int32_t, std::pair<std::string, bool>> problems_;
  std::set<int32_t> exempt_;
  std::map<int32_t, Stop> stops_;
  std::vector<std::vector<int32_t>> calls_;
  int thaw_count_ = 0;
};

}  // namespace pagesnap

#endif  // TESTS_SUPPORT_FAKE_FREEZER_H_
