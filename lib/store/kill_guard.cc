#include "lib/store/kill_guard.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace pagesnap {
namespace {

// In the child, which was forked from a process with threads: only what is safe in a signal handler
// (signal-safety(7)).
[[noreturn]] void RemoveAtTheEnd(int read_fd, int write_fd, const char* path) {
  setsid();  // a signal for the group of the parent is not for us
  close(write_fd);
  char byte;
  while (read(read_fd, &byte, 1) < 0 && errno == EINTR) {
  }
  unlink(path);
  _exit(0);
}

}  // namespace

KillGuard::KillGuard(const std::string& path) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return;
  UniqueFd read_end(ends[0]);
  alive_.Reset(ends[1]);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // the child keeps this
  child_ = fork();
  if (child_ == 0) RemoveAtTheEnd(read_end.get(), alive_.get(), path.c_str());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

KillGuard::~KillGuard() {
  alive_.Reset();
  if (child_ < 0) return;
  while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace pagesnap
