#include "lib/proc/own_pids.h"

#include <string>

#include "lib/proc/parse_process.h"

namespace pagesnap {

bool ShowsOwnPids(ProcReader& reader, int32_t self) {
  try {
    const std::string status = ReadWholeText(reader, "proc/self/status");
    // NSpid (4.1) lists the pids of a process from the namespace of this /proc down to its own
    // (proc_pid_status() in fs/proc/array.c): one number, if they are the same namespace.
    return StatusField(status, "NSpid").value_or(StatusField(status, "Pid").value_or("")) ==
           std::to_string(self);
  } catch (const ReadError&) {
    return false;  // a recorded tree has no proc/self
  }
}

}  // namespace pagesnap
