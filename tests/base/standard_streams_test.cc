#include "lib/base/standard_streams.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

namespace pagesnap {
namespace {

// Runs `body` in a child without the descriptors of `closed`; returns what it returns.
int RunWithout(std::initializer_list<int> closed, const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    for (const int fd : closed) close(fd);
    OpenStandardStreams();
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool IsNull(int fd) {
  struct stat status = {};
  struct stat null = {};
  return fstat(fd, &status) == 0 && stat("/dev/null", &null) == 0 &&
         status.st_rdev == null.st_rdev && S_ISCHR(status.st_mode);
}

TEST(StandardStreamsTest, ClosedOnesBecomeDevNull) {
  for (int closed = 1; closed < 8; ++closed) {
    const int wrong = RunWithout({}, [&] {
      for (int fd = 0; fd < 3; ++fd) {
        if ((closed >> fd & 1) != 0) close(fd);
      }
      OpenStandardStreams();
      for (int fd = 0; fd < 3; ++fd) {
        if ((closed >> fd & 1) != 0 && !IsNull(fd)) return 1;
      }
      return open("/", O_RDONLY) > 2 ? 0 : 2;
    });
    EXPECT_EQ(wrong, 0) << closed;
  }
}

TEST(StandardStreamsTest, OpenOnesStay) {
  struct stat before = {};
  ASSERT_EQ(fstat(1, &before), 0);
  EXPECT_EQ(RunWithout({0, 2},
                       [&] {
                         struct stat status = {};
                         return fstat(1, &status) == 0 && status.st_ino == before.st_ino &&
                                        !StandardOutputWasClosed()
                                    ? 0
                                    : 1;
                       }),
            0);
}

TEST(StandardStreamsTest, AWriteToAClosedOutputFails) {
  EXPECT_EQ(RunWithout({1},
                       [] {
                         return write(1, "x", 1) < 0 && errno == EBADF && StandardOutputWasClosed()
                                    ? 0
                                    : 1;
                       }),
            0);
}

TEST(StandardStreamsTest, AMessageToAClosedErrorOutputIsLost) {
  EXPECT_EQ(RunWithout({2}, [] { return write(2, "x", 1) == 1 ? 0 : 1; }), 0);
}

}  // namespace
}  // namespace pagesnap
