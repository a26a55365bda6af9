#include "lib/store/output/file_calls.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

namespace pagesnap {
namespace {

constexpr mode_t kMode = 0600;  // addresses and cgroup names are nobody else's business

// Writes "/proc/self/fd/N". No fmt, no snprintf(3): both may allocate or lock.
void DescriptorPath(int fd, std::array<char, 32>* path) {
  constexpr char kFolder[] = "/proc/self/fd/";
  size_t size = 0;
  for (; kFolder[size] != 0; ++size) (*path)[size] = kFolder[size];
  int divisor = 1;
  while (fd / divisor > 9) divisor *= 10;
  for (; divisor > 0; divisor /= 10) (*path)[size++] = static_cast<char>('0' + fd / divisor % 10);
  (*path)[size] = 0;
}

}  // namespace

FileCalls& FileCalls::System() {
  static auto& calls = *new FileCalls;
  return calls;
}

int FileCalls::CreateUnnamed(int folder) {
  return openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, kMode);
}

int FileCalls::CreateNamed(int folder, const char* name) {
  return openat(folder, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, kMode);
}

int FileCalls::LinkUnnamed(int fd, int folder, const char* name) {
  std::array<char, 32> path;
  DescriptorPath(fd, &path);
  if (linkat(AT_FDCWD, path.data(), folder, name, AT_SYMLINK_FOLLOW) == 0) return 0;
  if (errno != ENOENT) return -1;
  return linkat(fd, "", folder, name, AT_EMPTY_PATH);
}

int FileCalls::Link(int folder, const char* from, const char* to) {
  return linkat(folder, from, folder, to, 0);
}

int FileCalls::Rename(int folder, const char* from, const char* to, unsigned flags) {
  return flags == 0 ? renameat(folder, from, folder, to)
                    : renameat2(folder, from, folder, to, flags);
}

int FileCalls::Unlink(int folder, const char* name) { return unlinkat(folder, name, 0); }

int FileCalls::Status(int folder, const char* name, struct stat* status) {
  return fstatat(folder, name, status, AT_SYMLINK_NOFOLLOW);
}

int FileCalls::Space(int fd, struct statvfs* space) { return fstatvfs(fd, space); }

bool IsMissingCall(int error_number) {
  return error_number == EOPNOTSUPP || error_number == EINVAL || error_number == ENOSYS ||
         error_number == EISDIR;  // O_TMPFILE before 3.11
}

int MoveToFreeName(FileCalls& calls, int folder, const char* from, const char* to) {
  if (calls.Rename(folder, from, to, RENAME_NOREPLACE) == 0) return 0;
  if (!IsMissingCall(errno) || calls.Link(folder, from, to) != 0) return -1;
  calls.Unlink(folder, from);
  return 0;
}

}  // namespace pagesnap
