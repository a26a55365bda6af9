#include "lib/store/output/file_owner.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "lib/store/output/file_calls.h"

namespace pagesnap {
namespace {

// In the child: only system calls.
bool BecomeAndTry(const FileOwner& owner, int folder, const char* path) {
  if (setgroups(owner.groups.size(), owner.groups.data()) != 0 ||
      setresgid(owner.gid, owner.gid, owner.gid) != 0 ||
      setresuid(owner.uid, owner.uid, owner.uid) != 0) {
    return false;
  }
  // The file system may not answer for longer than the parent lives. (A change of the user clears
  // this.)
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct stat here;
  struct stat there;
  return fstat(folder, &here) == 0 && stat(path, &there) == 0 &&
         IdentityOf(here) == IdentityOf(there) && access(path, W_OK | X_OK) == 0;
}

}  // namespace

bool CouldCreateIn(const FileOwner& owner, int folder, const std::string& path) {
  const pid_t child = fork();
  if (child == 0) _exit(BecomeAndTry(owner, folder, path.c_str()) ? 0 : 1);
  int status = 0;
  pid_t waited = -1;
  while (child > 0 && (waited = waitpid(child, &status, 0)) < 0 && errno == EINTR) {
  }
  return child > 0 && waited == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace pagesnap
