#include "capture/task_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/number.h"
#include "lib/proc/parse_process.h"

namespace pagesnap {
namespace {

// Returns the tracer that a status file names; 0: none.
int32_t TracerIn(ProcReader& reader, const std::string& path) {
  try {
    const std::string status = ReadWholeText(reader, path);
    const std::optional<uint64_t> tracer =
        ParseUnsigned(StatusField(status, "TracerPid").value_or(""));
    if (tracer && *tracer <= INT32_MAX) return static_cast<int32_t>(*tracer);
  } catch (const Error&) {
    // Nobody can tell.
  }
  return 0;
}

}  // namespace

size_t CountThreads(const std::string& root, int32_t pid) {
  struct stat status;
  if (stat(fmt::format("{}/proc/{}/task", root, pid).c_str(), &status) != 0) return 0;
  // "." and ".." and a link for each thread (proc_task_getattr() in fs/proc/base.c).
  return status.st_nlink > 2 ? status.st_nlink - 2 : 0;
}

std::optional<int64_t> ThreadRunTime(ProcReader& reader, int32_t pid, pid_t thread) {
  try {
    // Time on a processor, time waiting for one, time slices (proc_pid_schedstat() in
    // fs/proc/base.c).
    const std::string text =
        ReadWholeText(reader, fmt::format("proc/{}/task/{}/schedstat", pid, thread));
    const std::optional<uint64_t> ran =
        ParseUnsigned(std::string_view(text).substr(0, text.find(' ')));
    if (ran && *ran <= INT64_MAX) return static_cast<int64_t>(*ran);
  } catch (const Error&) {
    // It is gone, or there is no such file.
  }
  return std::nullopt;
}

int32_t TracerOf(ProcReader& reader, int32_t pid, pid_t thread) {
  return TracerIn(reader, fmt::format("proc/{}/task/{}/status", pid, thread));
}

std::set<int32_t> SelfAndAncestors(ProcReader& reader, int32_t self) {
  std::set<int32_t> pids;
  // A parent in another pid namespace is 0. The set ends a circle, which pids that are used again
  // while we look could make.
  for (int32_t pid = self; pid > 0 && pids.insert(pid).second;) {
    try {
      pid = ParseProcessStat(ReadWholeText(reader, fmt::format("proc/{}/stat", pid))).ppid;
    } catch (const Error&) {
      break;
    }
  }
  // A debugger of this process would wait for it, and it for the debugger.
  if (const int32_t tracer = TracerIn(reader, fmt::format("proc/{}/status", self)); tracer != 0) {
    pids.insert(tracer);
  }
  return pids;
}

}  // namespace pagesnap
