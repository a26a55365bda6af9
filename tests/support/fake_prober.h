// A Prober that says what a test wants it to.
#ifndef TESTS_SUPPORT_FAKE_PROBER_H_
#define TESTS_SUPPORT_FAKE_PROBER_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "capture/prober.h"

namespace pagesnap {

class FakeProber final : public Prober {
 public:
  // The memory of the process will not answer; nor will its stat, with `stat_too`.
  void SetSilent(int32_t pid, bool stat_too = false) { silent_[pid] = stat_too; }

  void BeginPhase() override {}
  std::set<int32_t> FindSilent(std::span<const int32_t> pids, Question question,
                               std::chrono::milliseconds patience) override {
    calls_.emplace_back(pids.begin(), pids.end());
    patience_.push_back(patience);
    std::set<int32_t> silent;
    for (const int32_t pid : pids) {
      const auto found = silent_.find(pid);
      if (found == silent_.end()) continue;
      if (question == Question::kMemory || found->second) silent.insert(pid);
    }
    return silent;
  }

  // The pids, and the patience, of each call.
  [[nodiscard]] const std::vector<std::vector<int32_t>>& calls() const { return calls_; }
  [[nodiscard]] const std::vector<std::chrono::milliseconds>& patience() const { return patience_; }

 private:
  std::map<int32_t, bool> silent_;
  std::vector<std::vector<int32_t>> calls_;
  std::vector<std::chrono::milliseconds> patience_;
};

}  // namespace pagesnap

#endif  // TESTS_SUPPORT_FAKE_PROBER_H_
