#include "lib/store/sqlite/open_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <cstring>
#include <mutex>

#include "lib/base/error.h"
#include "lib/base/number.h"
#include "lib/store/sqlite/block_vfs.h"

namespace pagesnap {
namespace {

constexpr char kDescriptorFolder[] = "/proc/self/fd/";

// Takes the name as it is. SQLite's own resolves symbolic links, and the link of a file without a
// name, /proc/self/fd/N, resolves to a path that does not exist.
int KeepName(sqlite3_vfs*, const char* name, int size, char* out) {
  if (std::strlen(name) >= static_cast<size_t>(size)) return SQLITE_CANTOPEN;
  std::strcpy(out, name);
  return SQLITE_OK;
}

// Opens as open(2) does, but duplicates our own descriptors: SQLite always sets O_NOFOLLOW
// (os_unix.c, unixOpen), and /proc need not be mounted.
int OpenOrDuplicate(const char* path, int flags, int mode) {
  constexpr std::string_view kFolder = kDescriptorFolder;
  if (std::string_view(path).starts_with(kFolder)) {
    const std::optional<uint64_t> fd = ParseUnsigned(path + kFolder.size());
    if (fd && *fd <= INT32_MAX) return fcntl(static_cast<int>(*fd), F_DUPFD_CLOEXEC, 0);
  }
  return open(path, flags, mode);
}

// Returns one of SQLite's own, whatever is the default by now.
const sqlite3_vfs& FindVfs(const char* name) {
  const sqlite3_vfs* const found = sqlite3_vfs_find(name);
  if (found == nullptr) throw Error("the SQLite library of this machine has no VFS for Unix");
  return *found;
}

// Returns a VFS for the descriptors of this process.
const sqlite3_vfs& DescriptorBase() {
  static const sqlite3_vfs kBase = [] {
    // Without file locks, which a file system may not have, as NFS without its lock service:
    // nobody else can see the file.
    sqlite3_vfs copy = FindVfs("unix-none");
    copy.xSetSystemCall(&copy, "open", reinterpret_cast<sqlite3_syscall_ptr>(OpenOrDuplicate));
    copy.xFullPathname = KeepName;
    return copy;
  }();
  return kBase;
}

// Opens with a VFS that only has a name for as long as this takes: as a part of the loadable
// extension we may be gone before the SQLite library is. Its name is asked for by no one later.
int OpenWith(sqlite3_vfs* vfs, const char* name, int flags, sqlite3** connection) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  sqlite3_vfs_register(vfs, /*makeDflt=*/0);
  const int result = sqlite3_open_v2(name, connection, flags, vfs->zName);
  sqlite3_vfs_unregister(vfs);
  return result;
}

// Returns the SQLite URI of a file (sqlite.org/uri.html). What follows "//" there is the name of a
// machine, up to the next "/"; and a file that is called ":memory:" is one only with a folder.
std::string UriOf(const std::string& path) {
  std::string uri = path.starts_with('/') ? "file://" : "file:./";
  for (char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  return uri;
}

}  // namespace

int OpenDescriptor(int fd, sqlite3** connection) {
  static sqlite3_vfs vfs = MakeBlockVfs(DescriptorBase(), "pagesnap-descriptor");
  const std::string name = fmt::format("{}{}", kDescriptorFolder, fd);
  return OpenWith(&vfs, name.c_str(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, connection);
}

int OpenImmutable(const std::string& path, sqlite3** connection) {
  static sqlite3_vfs named = MakeBlockVfs(FindVfs("unix"), "pagesnap-read");
  sqlite3_vfs* vfs = &named;
  if (path.starts_with(kDescriptorFolder)) {
    static sqlite3_vfs unnamed = MakeBlockVfs(DescriptorBase(), "pagesnap-read-descriptor");
    vfs = &unnamed;
  }
  const std::string uri = UriOf(path) + "?immutable=1";
  return OpenWith(vfs, uri.c_str(), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                  connection);
}

int OpenWritable(const char* name, sqlite3** connection) {
  return sqlite3_open_v2(name, connection,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
}

}  // namespace pagesnap
