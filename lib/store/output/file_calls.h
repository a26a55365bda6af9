// The system calls by which an output file gets its name, so that tests can make them fail.
#ifndef LIB_STORE_OUTPUT_FILE_CALLS_H_
#define LIB_STORE_OUTPUT_FILE_CALLS_H_

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

namespace pagesnap {

// Which file it is, whatever its name: fstat(2). Unique among the files that exist, so it says
// something only about a file that is kept from being freed, by a name or a descriptor.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;  // 0: no file
  bool operator==(const FileIdentity&) const = default;
};

inline FileIdentity IdentityOf(const struct stat& status) {
  return {.device = status.st_dev, .inode = status.st_ino};
}

// Each function is one system call: it returns what that returns and sets errno, and is safe in a
// forked child of a process with threads (signal-safety(7)). `folder` is a directory's descriptor,
// O_PATH or not; names are relative to it, and a symbolic link is not followed.
class FileCalls {
 public:
  virtual ~FileCalls() = default;

  // Returns the calls of this system; never destroyed.
  static FileCalls& System();

  // Creates a file without a name (O_TMPFILE), mode 0600. Returns its descriptor.
  virtual int CreateUnnamed(int folder);
  // Creates a file that did not exist (O_EXCL), mode 0600. Returns its descriptor.
  virtual int CreateNamed(int folder, const char* name);
  // Gives a name to a file without one, through /proc/self/fd or, where that is not mounted,
  // AT_EMPTY_PATH (which needs CAP_DAC_READ_SEARCH). Fails with EEXIST for a name that exists.
  virtual int LinkUnnamed(int fd, int folder, const char* name);
  virtual int Link(int folder, const char* from, const char* to);
  // renameat2(2); without flags renameat(2), which every file system has.
  virtual int Rename(int folder, const char* from, const char* to, unsigned flags);
  virtual int Unlink(int folder, const char* name);
  virtual int Status(int folder, const char* name, struct stat* status);
  // fstatvfs(3) of the file system that `fd` is in.
  virtual int Space(int fd, struct statvfs* space);
};

// Returns whether an errno value is how kernels and file systems say that they do not have a call,
// or a flag of it.
bool IsMissingCall(int error_number);

// Gives a file another name, which no file has: with RENAME_NOREPLACE or, where that is missing
// (NFS, most FUSE servers), with link(2) and unlink(2), so that it never replaces anything. Returns
// -1 and sets errno, to EEXIST if the name is taken. Safe like the calls.
int MoveToFreeName(FileCalls& calls, int folder, const char* from, const char* to);

}  // namespace pagesnap

#endif  // LIB_STORE_OUTPUT_FILE_CALLS_H_
