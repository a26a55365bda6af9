// Removes a name although the process that gave it was killed.
#ifndef LIB_STORE_KILL_GUARD_H_
#define LIB_STORE_KILL_GUARD_H_

#include <sys/types.h>

#include <string>

#include "lib/base/unique_fd.h"

namespace pagesnap {

// While it lives, a child process waits for the end of this one and then removes the name. There is
// no other way to replace a file by one that has no name yet: linkat(2) refuses names that exist,
// and whoever is killed before the rename(2) that follows leaves the name in between.
class KillGuard {
 public:
  // `path` need not exist. Where no child can be had, as at a limit of processes, nothing guards
  // it.
  explicit KillGuard(const std::string& path);
  KillGuard(const KillGuard&) = delete;
  KillGuard& operator=(const KillGuard&) = delete;
  // Ends the child, which removes the name if it is still there.
  ~KillGuard();

 private:
  UniqueFd alive_;  // the only writer of a pipe that the child reads from
  pid_t child_ = -1;
};

}  // namespace pagesnap

#endif  // LIB_STORE_KILL_GUARD_H_
