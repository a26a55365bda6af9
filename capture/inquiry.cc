#include "capture/inquiry.h"

#include <vector>

namespace pagesnap {

void Inquiry::Ask(std::span<const int32_t> pids, std::chrono::milliseconds patience) {
  if (prober_ == nullptr) return;
  std::vector<int32_t> fresh;
  for (const int32_t pid : pids) {
    if (asked_.insert(pid).second) fresh.push_back(pid);
  }
  if (fresh.empty()) return;
  silent_.merge(prober_->FindSilent(fresh, Prober::Question::kMemory, patience));
}

void Inquiry::AskForStat(std::span<const int32_t> pids) {
  if (prober_ == nullptr) return;
  std::vector<int32_t> fresh;
  for (const int32_t pid : pids) {
    if (IsSilent(pid) && asked_for_stat_.insert(pid).second) fresh.push_back(pid);
  }
  if (fresh.empty()) return;
  without_stat_.merge(prober_->FindSilent(fresh, Prober::Question::kStat, Prober::kShortPatience));
}

}  // namespace pagesnap
