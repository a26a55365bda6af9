// Opens files of a tree that others may have made: no symbolic link leads out of it.
#ifndef LIB_PROC_ROOTED_OPEN_H_
#define LIB_PROC_ROOTED_OPEN_H_

#include <string>

#include "lib/base/unique_fd.h"

namespace pagesnap {

// Opens `path` (relative, without a leading slash) below the directory `root` with `flags` of
// open(2), as if `root` were "/": the targets of absolute links and ".." stay below it. Links of
// /proc that lead to open files and folders (proc_pid_fd(5), proc_pid_cwd(5)) are not followed,
// links that are text, as proc/self, are. With O_PATH | O_NOFOLLOW a link at the end of the path is
// opened itself. Returns the descriptor, or an invalid one with the reason in errno.
UniqueFd OpenBelow(int root, const std::string& path, int flags);

// The same without openat2(2), which kernels before 5.6 and some sandboxes lack: folder by folder.
UniqueFd OpenBelowByHand(int root, const std::string& path, int flags);

}  // namespace pagesnap

#endif  // LIB_PROC_ROOTED_OPEN_H_
