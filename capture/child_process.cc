#include "capture/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace pagesnap {

void SetProcessName(const char* name) {
  prctl(PR_SET_NAME, name);
  char text[4096];
  const int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  const ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof text);
  if (fd >= 0) close(fd);
  // The arguments lie in one piece; glibc keeps a pointer to the first.
  const size_t length = strlen(name) + 1;
  if (size <= static_cast<ssize_t>(length)) return;
  if (memcmp(program_invocation_name, text, strlen(program_invocation_name)) != 0) return;
  memset(program_invocation_name, 0, static_cast<size_t>(size));
  memcpy(program_invocation_name, name, length);
}

int KeepOnly(UniqueFd file) {
  const int from = file.Release();
  if (from != kKeptDescriptor) dup2(from, kKeptDescriptor);
  closefrom(kKeptDescriptor + 1);
  // What a library may print at its end must not go into whatever is opened next.
  const int null = open("/dev/null", O_RDWR);
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, fd);
  if (null > kKeptDescriptor) close(null);
  return kKeptDescriptor;
}

}  // namespace pagesnap
