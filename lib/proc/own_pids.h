// Whether the pids of a /proc are those that the calling process knows.
#ifndef LIB_PROC_OWN_PIDS_H_
#define LIB_PROC_OWN_PIDS_H_

#include <cstdint>

#include "lib/proc/reader.h"

namespace pagesnap {

// Returns whether this /proc knows the calling process by the number `self`, its own getpid(): that
// is so when it shows this machine and the caller's pid namespace.
bool ShowsOwnPids(ProcReader& reader, int32_t self);

}  // namespace pagesnap

#endif  // LIB_PROC_OWN_PIDS_H_
