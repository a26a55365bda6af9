#include "lib/proc/threads.h"

#include <fmt/format.h>

#include "lib/base/number.h"

namespace pagesnap {

std::vector<pid_t> ListThreads(ProcReader& reader, int32_t pid) {
  std::vector<pid_t> threads;
  try {
    for (const DirectoryEntry& entry : reader.List(fmt::format("proc/{}/task", pid))) {
      const std::optional<uint64_t> number = ParseUnsigned(entry.name);
      if (number && *number <= INT32_MAX) threads.push_back(static_cast<pid_t>(*number));
    }
  } catch (const ReadError& error) {
    if (!error.process_gone()) throw;
  }
  return threads;
}

ProcessStat ThreadStat(ProcReader& reader, int32_t pid, pid_t thread) {
  try {
    return ParseProcessStat(
        ReadWholeText(reader, fmt::format("proc/{}/task/{}/stat", pid, thread)));
  } catch (const Error&) {
    ProcessStat gone;
    gone.pid = thread;
    gone.state = 'X';
    return gone;
  }
}

std::optional<ProcessStat> LivingThread(ProcReader& reader, const ProcessStat& stat) {
  if (!stat.FirstThreadEnded()) return stat;
  try {
    for (const pid_t thread : ListThreads(reader, stat.pid)) {
      ProcessStat living = ThreadStat(reader, stat.pid, thread);
      if (!living.HasEnded()) return living;
    }
  } catch (const ReadError&) {
    // It ended, as its other files will say.
  }
  return std::nullopt;
}

std::string TaskFolder(int32_t pid, pid_t thread) {
  return thread == pid ? fmt::format("proc/{}", pid) : fmt::format("proc/{}/task/{}", pid, thread);
}

std::string MemoryFolder(ProcReader& reader, const ProcessStat& stat) {
  const std::optional<ProcessStat> living = LivingThread(reader, stat);
  return TaskFolder(stat.pid, living ? living->pid : stat.pid);
}

}  // namespace pagesnap
