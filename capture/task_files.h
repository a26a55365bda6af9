// What /proc says about the threads of a process.
#ifndef CAPTURE_TASK_FILES_H_
#define CAPTURE_TASK_FILES_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "lib/proc/reader.h"

namespace pagesnap {

// Returns how many threads a process has, zombies too, without listing them; 0 when it has ended.
// `root` is the folder that holds proc.
size_t CountThreads(const std::string& root, int32_t pid);

// Returns for how long a thread has had a processor since it began, in nanoseconds; nothing when it
// is gone, or the kernel does not say (CONFIG_SCHED_INFO).
std::optional<int64_t> ThreadRunTime(ProcReader& reader, int32_t pid, pid_t thread);

// Returns the process that traces a thread, or one of its threads; 0: none, or this /proc does not
// show it.
int32_t TracerOf(ProcReader& reader, int32_t pid, pid_t thread);

// Returns `self`, its ancestors, and a debugger that holds it, as far as this /proc shows them.
std::set<int32_t> SelfAndAncestors(ProcReader& reader, int32_t self);

}  // namespace pagesnap

#endif  // CAPTURE_TASK_FILES_H_
