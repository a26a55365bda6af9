// How SQLite opens the files of pagesnap. All functions return its result code, and set
// `connection` also when that is not SQLITE_OK: the caller closes it.
#ifndef LIB_STORE_SQLITE_OPEN_FILE_H_
#define LIB_STORE_SQLITE_OPEN_FILE_H_

#include <string>

struct sqlite3;

namespace pagesnap {

// Opens an empty, writable file that is open already and may have no name. `fd` is borrowed and
// must stay open. Throws Error when the SQLite library has no VFS for Unix.
int OpenDescriptor(int fd, sqlite3** connection);

// Opens a file for reading, as one that nobody changes. /proc/self/fd/N is a descriptor of this
// process, whose file may have no name. Throws likewise.
int OpenImmutable(const std::string& path, sqlite3** connection);

// Opens or creates a file; ":memory:" is a database in memory.
int OpenWritable(const char* name, sqlite3** connection);

}  // namespace pagesnap

#endif  // LIB_STORE_SQLITE_OPEN_FILE_H_
