// The machine that many tests look at: one of everything that a report can show.
#ifndef TESTS_SUPPORT_SAMPLE_MACHINE_H_
#define TESTS_SUPPORT_SAMPLE_MACHINE_H_

#include "tests/support/machine_tree.h"

namespace pagesnap {

// pid   2 kthreadd, a kernel thread
// pid 100 server: program text shared with 101, a heap with present, swapped, guard and absent
//         pages, hugetlb pages, the zero page, [vsyscall]
// pid 101 worker: the same text at another address, private memory, memory shared with 100
// pid 300 gone, a zombie
// The figures in smaps are those that the pages amount to.
void FillSampleMachine(MachineTree& machine);

}  // namespace pagesnap

#endif  // TESTS_SUPPORT_SAMPLE_MACHINE_H_
