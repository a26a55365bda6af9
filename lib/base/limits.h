// What a process may have: stack, descriptors, memory (setrlimit(2)).
#ifndef LIB_BASE_LIMITS_H_
#define LIB_BASE_LIMITS_H_

#include <cstdint>

namespace pagesnap {

// Makes the limits of this process fit, before it starts a thread:
// - The threads that are started from now on get stacks of 2 MiB, where glibc would take the limit
//   of the first thread's (ulimit -s), be it 16 KiB or 1 GiB (pthread_create(3)). The first
//   thread's own limit is raised to the same size.
// - It may open 1,024 files, if the hard limit (ulimit -n -H) permits it.
// - Where there is not even memory for an exception, it ends with a sentence that begins with
//   `program` (borrowed), and exit code 1, instead of abort(3).
// Throws Error when a limit is too small to work with and cannot be raised.
void PrepareLimits(const char* program);

// Returns how many descriptors this process may have.
uint64_t DescriptorLimit();

}  // namespace pagesnap

#endif  // LIB_BASE_LIMITS_H_
