// Which processes share an address space with one that is selected: its memory is read once.
#ifndef CAPTURE_MEMORY_OWNERS_H_
#define CAPTURE_MEMORY_OWNERS_H_

#include <cstddef>
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

struct SharedMemory {
  MemoryOwners owners;
  size_t unknown_count = 0;  // of how many processes it is unknown whether they share it
};

// Returns who that is in each of `groups`, the pids of an address space each: of those in
// `processes`, which are selected, the one that started first, as after vfork(2) the parent.
MemoryOwners OwnersOf(const std::vector<std::vector<int32_t>>& groups,
                      std::span<const ProcessStat> processes);

// Compares the address spaces of running processes (address_spaces.h), but of none in `silent`: of
// the selected `processes` with each other and with all others, as far as those are `pids`. Of the
// others, only those next to a selected one by number are looked at where there are thousands; and
// none whose first thread has ended. Where the kernel does not compare them and no page tells, each
// is taken to have its own. Throws Interrupted.
SharedMemory FindSharedMemory(ProcReader& reader, std::span<const ProcessStat> processes,
                              const std::set<int32_t>& silent, std::vector<int32_t> pids);

}  // namespace pagesnap

#endif  // CAPTURE_MEMORY_OWNERS_H_
