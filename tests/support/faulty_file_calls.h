// File systems that lack calls, and other programs that change a folder between two of them.
#ifndef TESTS_SUPPORT_FAULTY_FILE_CALLS_H_
#define TESTS_SUPPORT_FAULTY_FILE_CALLS_H_

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <utility>

#include "lib/store/output/file_calls.h"

namespace pagesnap {

// Real calls, except those that are switched off: they fail as a kernel without them says it.
class FaultyFileCalls final : public FileCalls {
 public:
  bool has_unnamed = true;       // O_TMPFILE
  bool has_link_unnamed = true;  // linkat(2) of a file without a name
  bool has_noreplace = true;     // RENAME_NOREPLACE
  bool has_exchange = true;      // RENAME_EXCHANGE
  bool has_link = true;          // link(2)
  int link_unnamed_errno = ENOENT;
  // Called once, just before the next exchange or rename.
  std::function<void()> before_exchange;
  std::function<void()> before_rename;
  // Called before every call that reads or changes names.
  std::function<void()> before_any;
  // Free and whole size of the file system in bytes; 0: the real ones.
  uint64_t free_bytes = 0;
  uint64_t size_bytes = 0;
  int space_count = 0;  // calls of Space()

  int CreateUnnamed(int folder) override {
    return has_unnamed ? FileCalls::CreateUnnamed(folder) : Fail(EOPNOTSUPP);
  }
  int CreateNamed(int folder, const char* name) override {
    Before();
    return FileCalls::CreateNamed(folder, name);
  }
  int LinkUnnamed(int fd, int folder, const char* name) override {
    Before();
    return has_link_unnamed ? FileCalls::LinkUnnamed(fd, folder, name) : Fail(link_unnamed_errno);
  }
  int Link(int folder, const char* from, const char* to) override {
    Before();
    return has_link ? FileCalls::Link(folder, from, to) : Fail(EPERM);
  }
  int Unlink(int folder, const char* name) override {
    Before();
    return FileCalls::Unlink(folder, name);
  }
  int Status(int folder, const char* name, struct stat* status) override {
    Before();
    return FileCalls::Status(folder, name, status);
  }
  int Rename(int folder, const char* from, const char* to, unsigned flags) override {
    Before();
    if ((flags & RENAME_NOREPLACE) != 0 && !has_noreplace) return Fail(EINVAL);
    if ((flags & RENAME_EXCHANGE) != 0 && !has_exchange) return Fail(EINVAL);
    auto& hook = (flags & RENAME_EXCHANGE) != 0 ? before_exchange : before_rename;
    if (auto call = std::exchange(hook, nullptr)) call();
    return FileCalls::Rename(folder, from, to, flags);
  }
  int Space(int fd, struct statvfs* space) override {
    ++space_count;
    const int result = FileCalls::Space(fd, space);
    if (size_bytes == 0) return result;
    space->f_frsize = 1;
    space->f_blocks = size_bytes;
    space->f_bavail = free_bytes;
    return result;
  }

 private:
  void Before() const {
    if (before_any) before_any();
  }
  static int Fail(int error_number) {
    errno = error_number;
    return -1;
  }
};

}  // namespace pagesnap

#endif  // TESTS_SUPPORT_FAULTY_FILE_CALLS_H_
