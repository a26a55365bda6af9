// Which selected processes share an address space: its memory is read once.
#ifndef CAPTURE_MEMORY_OWNERS_H_
#define CAPTURE_MEMORY_OWNERS_H_

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "lib/proc/parse_process.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// By pid, for each process whose address space is another's, too: the one that has the mappings in
// the snapshot.
using MemoryOwners = std::map<int32_t, int32_t>;

// Returns who that is in each of `groups`, the pids of an address space each: of those in
// `processes` the one that started first, as after vfork(2) the parent. Those that were not
// selected, and have no row, do not count.
MemoryOwners OwnersOf(const std::vector<std::vector<int32_t>>& groups,
                      std::span<const ProcessStat> processes);

// Compares the address spaces of running processes (address_spaces.h), but of none in `silent`.
// Where the kernel does not compare them, each is taken to have its own. Throws Interrupted.
MemoryOwners FindMemoryOwners(ProcReader& reader, std::span<const ProcessStat> processes,
                              const std::set<int32_t>& silent);

}  // namespace pagesnap

#endif  // CAPTURE_MEMORY_OWNERS_H_
