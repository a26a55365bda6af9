#include "capture/memory_owners.h"

#include <algorithm>
#include <tuple>

#include "lib/proc/address_spaces.h"

namespace pagesnap {

MemoryOwners OwnersOf(const std::vector<std::vector<int32_t>>& groups,
                      std::span<const ProcessStat> processes) {
  std::map<int32_t, const ProcessStat*> by_pid;
  for (const ProcessStat& stat : processes) by_pid[stat.pid] = &stat;
  MemoryOwners owners;
  for (std::vector<int32_t> group : groups) {
    std::erase_if(group, [&](int32_t pid) { return !by_pid.contains(pid); });
    if (group.size() < 2) continue;
    const int32_t owner = *std::ranges::min_element(
        group, {}, [&](int32_t pid) { return std::tuple(by_pid[pid]->start_time_ticks, pid); });
    for (const int32_t pid : group) {
      if (pid != owner) owners[pid] = owner;
    }
  }
  return owners;
}

MemoryOwners FindMemoryOwners(ProcReader& reader, std::span<const ProcessStat> processes,
                              const std::set<int32_t>& silent) {
  AddressSpaces spaces(reader);
  for (const ProcessStat& stat : processes) {
    // To compare takes exec_update_lock (kernel/kcmp.c), which a silent process may hold.
    if (!silent.contains(stat.pid)) spaces.Add(stat);
  }
  return OwnersOf(spaces.Shared(), processes);
}

}  // namespace pagesnap
