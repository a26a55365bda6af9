#include "capture/whole_machine.h"

#include <cerrno>
#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

// PROC_PID_INIT_INO in include/linux/proc_ns.h.
constexpr std::string_view kInitialNamespace = "pid:[4026531836]";

// Returns whether a process file system is mounted so that it may hide processes of others. A
// recorded tree has no list of mounts.
bool MayHide(ProcReader& reader) {
  try {
    return ReadWholeText(reader, "proc/self/mounts").find("hidepid=") != std::string::npos;
  } catch (const ReadError& error) {
    return error.error_number() != ENOENT;
  }
}

}  // namespace

// Process 1 of this /proc tells its namespace to those who may trace it; to them hidepid= hides no
// process either (fs/proc/base.c, has_pid_permissions()). A kernel without pid namespaces has no
// such link, nor has a recorded tree.
bool ListsWholeMachine(ProcReader& reader) {
  try {
    return reader.ReadLink("proc/1/ns/pid") == kInitialNamespace;
  } catch (const ReadError& error) {
    return error.error_number() == ENOENT && !MayHide(reader);
  }
}

}  // namespace pagesnap
