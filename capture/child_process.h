// What a child does first that was forked to work on: it runs no other program.
#ifndef CAPTURE_CHILD_PROCESS_H_
#define CAPTURE_CHILD_PROCESS_H_

#include "lib/base/unique_fd.h"

namespace pagesnap {

// The descriptor that KeepOnly() leaves.
inline constexpr int kKeptDescriptor = 3;

// Shows `name`, which is short, instead of the name and the arguments that came with the fork.
void SetProcessName(const char* name);

// Keeps of all open files this one only, no output file, no terminal, and returns kKeptDescriptor,
// which it has afterwards. Makes system calls only, so that it is safe in a child of a process that
// has threads.
int KeepOnly(UniqueFd file);

}  // namespace pagesnap

#endif  // CAPTURE_CHILD_PROCESS_H_
