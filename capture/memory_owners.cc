#include "capture/memory_owners.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <tuple>

#include "lib/base/error.h"
#include "lib/base/interrupted.h"
#include "lib/proc/address_spaces.h"
#include "lib/proc/threads.h"

namespace pagesnap {
namespace {

// To compare one takes some 2 us.
constexpr size_t kMaxOthers = 1024;

// Leaves those of `pids` that are not selected, and of many the next ones: who shares memory is
// most often a child. Returns how many that leaves out.
size_t KeepNextOthers(const std::vector<int32_t>& selected, std::vector<int32_t>* pids) {
  std::erase_if(*pids, [&](int32_t pid) { return std::ranges::binary_search(selected, pid); });
  if (pids->size() <= kMaxOthers) return 0;
  auto distance = [&](int32_t pid) {
    const auto after = std::ranges::lower_bound(selected, pid);
    const int32_t above = after == selected.end() ? INT32_MAX : *after - pid;
    return after == selected.begin() ? above : std::min(above, pid - *std::prev(after));
  };
  std::ranges::nth_element(*pids, pids->begin() + kMaxOthers, {}, distance);
  const size_t left_out = pids->size() - kMaxOthers;
  pids->resize(kMaxOthers);
  return left_out;
}

// Adds those of the other processes that share the memory of one of `processes`. Returns of how
// many it is unknown.
size_t AddOthers(ProcReader& reader, std::span<const ProcessStat> processes,
                 std::vector<int32_t> pids, AddressSpaces* spaces) {
  std::vector<int32_t> selected;
  std::vector<int32_t> tasks;
  for (const ProcessStat& stat : processes) {
    selected.push_back(stat.pid);
    const std::optional<ProcessStat> living = LivingThread(reader, stat);
    if (living && !living->HasEnded() && !living->kernel_thread) tasks.push_back(living->pid);
  }
  std::ranges::sort(selected);
  const size_t left_out = KeepNextOthers(selected, &pids);
  if (tasks.empty() || pids.empty()) return left_out;
  const FoundSharers found = reader.FindSharers(tasks, pids);
  for (const int32_t pid : found.pids) {
    try {
      spaces->AddSharer(ParseProcessStat(ReadWholeText(reader, TaskFolder(pid, pid) + "/stat")));
    } catch (const Interrupted&) {
      throw;
    } catch (const Error&) {
      // It ended meanwhile.
    }
  }
  return left_out + found.unknown_count;
}

}  // namespace

MemoryOwners OwnersOf(const std::vector<std::vector<int32_t>>& groups,
                      std::span<const ProcessStat> processes) {
  std::map<int32_t, const ProcessStat*> by_pid;
  for (const ProcessStat& stat : processes) by_pid[stat.pid] = &stat;
  MemoryOwners owners;
  for (const std::vector<int32_t>& group : groups) {
    std::vector<int32_t> selected;
    std::ranges::copy_if(group, std::back_inserter(selected),
                         [&](int32_t pid) { return by_pid.contains(pid); });
    if (selected.empty()) continue;
    const int32_t owner = *std::ranges::min_element(
        selected, {}, [&](int32_t pid) { return std::tuple(by_pid[pid]->start_time_ticks, pid); });
    for (const int32_t pid : group) {
      if (pid != owner) owners[pid] = owner;
    }
  }
  return owners;
}

SharedMemory FindSharedMemory(ProcReader& reader, std::span<const ProcessStat> processes,
                              const std::set<int32_t>& silent, std::vector<int32_t> pids) {
  AddressSpaces spaces(reader);
  std::vector<ProcessStat> answering;
  // To compare takes exec_update_lock (kernel/kcmp.c), which a silent process may hold.
  std::ranges::copy_if(processes, std::back_inserter(answering),
                       [&](const ProcessStat& stat) { return !silent.contains(stat.pid); });
  for (const ProcessStat& stat : answering) spaces.Add(stat);
  std::erase_if(pids, [&](int32_t pid) { return silent.contains(pid); });
  const size_t unknown_count = AddOthers(reader, answering, std::move(pids), &spaces);
  return {OwnersOf(spaces.Shared(), processes), unknown_count + spaces.unknown_count()};
}

}  // namespace pagesnap
