#include "capture/sharer_search.h"

#include <algorithm>
#include <iterator>

#include "capture/select.h"
#include "lib/base/error.h"
#include "lib/proc/address_spaces.h"

namespace pagesnap {

void SharerSearch::ListBefore() { ReadNew(ListPids(reader_), /*in_time=*/true); }

std::vector<std::vector<int32_t>> SharerSearch::Find(const std::set<int32_t>& stopped,
                                                     bool in_time) {
  const bool any_started = ReadNew(ListPids(reader_), in_time);
  // One of them may have started another program before it started a process.
  for (const int32_t pid : stopped) {
    if (any_started || !stats_.contains(pid)) Read(pid);
  }
  AddressSpaces spaces(reader_);
  for (const int32_t pid : stopped) {
    if (auto found = stats_.find(pid); found != stats_.end()) spaces.Add(found->second);
  }
  for (const auto& [pid, stat] : stats_) {
    if (!stopped.contains(pid)) spaces.AddSharer(stat);
  }
  unknown_count_ = unreadable_.size() + spaces.unknown_count();
  return spaces.Shared();
}

// Returns whether any of them had not been read before.
bool SharerSearch::ReadNew(const std::vector<int32_t>& pids, bool in_time) {
  std::vector<int32_t> fresh;
  std::ranges::copy_if(pids, std::back_inserter(fresh), [this](int32_t pid) {
    return !stats_.contains(pid) && !unreadable_.contains(pid);
  });
  if (!in_time) {
    unreadable_.insert(fresh.begin(), fresh.end());
    return !fresh.empty();
  }
  // To compare address spaces takes exec_update_lock (kernel/kcmp.c), as does this question.
  inquiry_.Ask(fresh, Prober::kShortPatience);
  for (const int32_t pid : fresh) {
    if (inquiry_.IsSilent(pid)) {
      unreadable_.insert(pid);
    } else {
      Read(pid);
    }
  }
  return !fresh.empty();
}

void SharerSearch::Read(int32_t pid) {
  try {
    stats_.insert_or_assign(pid, ReadStat(reader_, pid));
  } catch (const ReadError& error) {
    if (!error.process_gone()) unreadable_.insert(pid);
  } catch (const Error&) {
    unreadable_.insert(pid);
  }
}

}  // namespace pagesnap
