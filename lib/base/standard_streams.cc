#include "lib/base/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace pagesnap {
namespace {

bool output_was_closed = false;

bool IsClosed(int fd) { return fcntl(fd, F_GETFD) < 0 && errno == EBADF; }

}  // namespace

void OpenStandardStreams() {
  // In ascending order: each open() takes the lowest free number, which is `fd`.
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (!IsClosed(fd)) continue;
    if (fd == STDOUT_FILENO) output_was_closed = true;
    // Without O_CLOEXEC, as standard streams are.
    if (open("/dev/null", fd == STDERR_FILENO ? O_RDWR : O_RDONLY) < 0) {
      open("/", O_PATH | O_DIRECTORY);
    }
  }
}

bool StandardOutputWasClosed() { return output_was_closed; }

}  // namespace pagesnap
