#include "lib/store/schema.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace pagesnap {
namespace {

uint32_t BigEndian(const unsigned char* bytes) {
  return static_cast<uint32_t>(bytes[0]) << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

// Looks at the first 100 bytes (sqlite.org/fileformat2.html, section 1.3) before SQLite does, which
// has one message for many mistakes.
void CheckHeader(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) throw Error(fmt::format("{}: {}", path, ErrnoText(errno)));
  struct stat status;
  if (fstat(fd.get(), &status) != 0) throw Error(fmt::format("{}: {}", path, ErrnoText(errno)));
  if (S_ISDIR(status.st_mode))
    throw Error(fmt::format("{} is a directory, not a pagesnap file", path));
  if (!S_ISREG(status.st_mode)) {
    throw Error(fmt::format("{} is not a regular file; copy what it gives into one first", path));
  }
  if (status.st_size == 0) {
    throw Error(
        fmt::format("{} is empty; a capture never leaves such a file, so copy it again", path));
  }
  unsigned char header[100];
  ssize_t size = pread(fd.get(), header, sizeof header, 0);
  if (size < 0) throw Error(fmt::format("{}: {}", path, ErrnoText(errno)));
  if (size < 100 || std::memcmp(header, "SQLite format 3", 16) != 0) {
    throw Error(fmt::format("{} is not a pagesnap file: it is not an SQLite database", path));
  }
  if (uint32_t application = BigEndian(header + 68); application != kApplicationId) {
    throw Error(fmt::format(
        "{} is an SQLite database, but not a pagesnap file (its application_id is {:#x})", path,
        application));
  }
  if (uint32_t version = BigEndian(header + 60); version > kFormatVersion || version == 0) {
    throw Error(fmt::format(
        "{} has format version {}, and this analyze reads up to {}; use the pagesnap release that "
        "wrote it, or a newer one",
        path, version, kFormatVersion));
  }
  uint64_t page_size = header[16] << 8 | header[17];
  if (page_size == 1) page_size = 65536;
  uint64_t expected = page_size * BigEndian(header + 28);
  if (static_cast<uint64_t>(status.st_size) < expected) {
    throw Error(fmt::format("{} is cut off: it has {} of {} bytes; copy it again", path,
                            static_cast<uint64_t>(status.st_size), expected));
  }
}

}  // namespace

void CreateSchema(Database& database) {
  database.Execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                               kApplicationId, kFormatVersion));
  database.Execute(std::string(TablesSql()));
}

Database OpenSnapshotFile(const std::string& path) {
  CheckHeader(path);
  return Database::OpenReadOnly(path);
}

}  // namespace pagesnap
