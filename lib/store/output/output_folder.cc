#include "lib/store/output/output_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

// statx(2), stx_attributes; of 5.8, and not in every libc's headers.
#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x00002000
#endif

// Returns the attributes (statx(2)) of a name, or of the folder itself for "". 0: unknown.
uint64_t AttributesOf(int folder, const std::string& name) {
  struct statx status = {};
  if (statx(folder, name.c_str(), AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, 0, &status) != 0) return 0;
  return status.stx_attributes;
}

}  // namespace

OutputFolder::OutputFolder(FileCalls& calls, const std::string& path)
    : calls_(calls), full_path_(path) {
  const size_t slash = path.rfind('/');
  path_ = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  name_ = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name_.empty()) {
    throw Error(fmt::format("{} names a directory; give the name of a file in it", path));
  }
  fd_.Reset(open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd_.valid()) return;
  if (errno == ENOTDIR) {
    throw Error(fmt::format("{}: {} is no directory; give the name of a file in one", path, path_));
  }
  if (errno == ENOENT) {
    throw Error(fmt::format("{}: its folder {} does not exist; create it first", path, path_));
  }
  throw Error(fmt::format("{}: cannot open its folder {}: {}", path, path_, ErrnoText(errno)));
}

bool OutputFolder::CheckName(bool overwrite, bool renames) const {
  // Append-only folders take new names, but do not give up those that they have.
  const bool keeps_names = (AttributesOf(fd(), "") & STATX_ATTR_APPEND) != 0;
  struct stat status;
  if (calls_.Status(fd(), name_.c_str(), &status) != 0) {
    if (errno == ENAMETOOLONG) {
      struct statvfs space = {};
      calls_.Space(fd(), &space);
      throw Error(
          fmt::format("{}: its name has {} bytes, and this file system takes {} at most; "
                      "give a shorter one",
                      full_path_, name_.size(), space.f_namemax != 0 ? space.f_namemax : NAME_MAX));
    }
    if (errno != ENOENT) {
      throw Error(
          fmt::format("{}: cannot create a file in {}: {}", full_path_, path_, ErrnoText(errno)));
    }
    if (keeps_names && renames) {
      throw Error(fmt::format(
          "{}: its folder is append-only, so that a file in it cannot be replaced by the next "
          "version; give another folder",
          full_path_));
    }
    return false;
  }
  if (S_ISDIR(status.st_mode)) {
    throw Error(fmt::format("{} is a directory; give the name of a file in it", full_path_));
  }
  if (!overwrite) {
    throw Error(
        fmt::format("{} exists already; give another name, or --force to replace it", full_path_));
  }
  if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode)) {
    throw Error(fmt::format("{} is not a regular file and will not be replaced", full_path_));
  }
  const char* reason = keeps_names ? "its folder is append-only" : nullptr;
  const uint64_t attributes = AttributesOf(fd(), name_);
  if ((attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) != 0) {
    reason = "it is immutable or append-only (chattr)";
  } else if ((attributes & STATX_ATTR_MOUNT_ROOT) != 0) {
    reason = "it is a mount point";
  }
  struct stat folder;
  // inode(7), sticky bit; root has CAP_FOWNER, as a rule.
  if (geteuid() != 0 && status.st_uid != geteuid() && fstat(fd(), &folder) == 0 &&
      (folder.st_mode & S_ISVTX) != 0 && folder.st_uid != geteuid()) {
    reason = "it belongs to another user, and its folder is sticky";
  }
  if (reason == nullptr) return true;
  throw Error(fmt::format("{} cannot be replaced: {}; give another name", full_path_, reason));
}

std::optional<struct stat> OutputFolder::Find(const std::string& name) const {
  struct stat status;
  if (calls_.Status(fd(), name.c_str(), &status) != 0) return std::nullopt;
  return status;
}

std::string OutputFolder::MovedTo() const {
  struct stat here;
  struct stat there;
  if (fstat(fd(), &here) != 0) return "";
  if (stat(path_.c_str(), &there) == 0 && IdentityOf(here) == IdentityOf(there)) return "";
  std::string link(PATH_MAX, '\0');
  const ssize_t size =
      readlink(fmt::format("/proc/self/fd/{}", fd()).c_str(), link.data(), PATH_MAX);
  return size > 0 ? link.substr(0, static_cast<size_t>(size)) : "an unknown place";
}

void OutputFolder::Sync() const {
  const UniqueFd folder(openat(fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.valid()) fsync(folder.get());
}

}  // namespace pagesnap
