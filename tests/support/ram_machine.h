// The sample machine with all its RAM, for tests of 'capture --frames all'.
#ifndef TESTS_SUPPORT_RAM_MACHINE_H_
#define TESTS_SUPPORT_RAM_MACHINE_H_

#include "capture/engine.h"
#include "tests/support/machine_tree.h"

namespace pagesnap {

// Frames of RAM that the machine has: what its zones call present, and iomem "System RAM".
inline constexpr uint64_t kRamMachineFrames = 262046;

// Adds to an empty machine what FillSampleMachine() does, and frames of every kind: free, slab with
// tails that only their heads explain, page tables, page cache with a huge page in it, shared
// memory and anonymous memory that no captured process maps, a hugetlb page, reserved, poisoned and
// offline frames. What meminfo, buddyinfo and zoneinfo say is what the frames are.
void FillRamMachine(MachineTree& machine);

// Returns a request for all processes and all frames.
CaptureRequest AllFrames();

}  // namespace pagesnap

#endif  // TESTS_SUPPORT_RAM_MACHINE_H_
