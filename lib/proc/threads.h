// The threads of a process, and which of them shows its memory.
#ifndef LIB_PROC_THREADS_H_
#define LIB_PROC_THREADS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/proc/parse_process.h"
#include "lib/proc/reader.h"

namespace pagesnap {

// Returns the threads of a process; none when it has ended. Throws ReadError.
std::vector<pid_t> ListThreads(ProcReader& reader, int32_t pid);

// Returns stat of a thread; one with state X, which has ended, when it is gone or cannot be read.
ProcessStat ThreadStat(ProcReader& reader, int32_t pid, pid_t thread);

// Returns stat of the thread that stands for a process: `stat`, or when the first thread has ended
// that of another one, with its number as pid. The first one's has no image then, though the
// process has its memory. Nothing when no thread lives, or they cannot be listed.
std::optional<ProcessStat> LivingThread(ProcReader& reader, const ProcessStat& stat);

// Returns the folder with the files of a thread: proc/PID of the first one.
std::string TaskFolder(int32_t pid, pid_t thread);

// Returns the folder whose files show the memory of a process: that of LivingThread(). Those of a
// thread that has ended are empty (proc_mem_open() in fs/proc/base.c).
std::string MemoryFolder(ProcReader& reader, const ProcessStat& stat);

}  // namespace pagesnap

#endif  // LIB_PROC_THREADS_H_
