// A machine before and after something happened: one of everything that a comparison can show.
#ifndef TESTS_SUPPORT_CHANGED_MACHINE_H_
#define TESTS_SUPPORT_CHANGED_MACHINE_H_

#include "tests/support/machine_tree.h"

namespace pagesnap {

// Two states of one machine, each for a MachineTree of its own; the second is ten seconds later.
// pid   2 kthreadd, the same
// pid 100 server: program text as it was; a heap that grew, with pages that were faulted in,
//         dropped, swapped out, swapped in and migrated; memory that was moved with mremap, memory
//         whose second half was made read-only, a file that was unmapped, a memfd that was mapped,
//         a plugin that was loaded again in another build
// pid 101 gone, pid 102 new
void FillMachineBefore(MachineTree& machine);
void FillMachineAfter(MachineTree& machine);

}  // namespace pagesnap

#endif  // TESTS_SUPPORT_CHANGED_MACHINE_H_
