// The user who called sudo.
#ifndef CAPTURE_SUDO_CALLER_H_
#define CAPTURE_SUDO_CALLER_H_

#include <optional>

#include "lib/proc/reader.h"
#include "lib/store/output/file_owner.h"

namespace pagesnap {

// Returns the user in SUDO_UID and SUDO_GID (sudo(8)) when this process is root's, and nothing when
// they are not set or root's own. The supplementary groups are those of the nearest ancestor with
// that real user id, read from /proc/PID/status through `reader` (of this machine): the shell that
// called sudo. Without one there are none. Throws Error for values that are no ids.
std::optional<FileOwner> SudoCaller(ProcReader& reader);

}  // namespace pagesnap

#endif  // CAPTURE_SUDO_CALLER_H_
