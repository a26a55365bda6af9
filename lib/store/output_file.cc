#include "lib/store/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

constexpr mode_t kMode = 0600;  // addresses and cgroup names are nobody else's business

void SyncFolder(const std::string& folder) {
  UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems refuse to sync a folder; the file is there all the same.
  if (fd.valid()) fsync(fd.get());
}

}  // namespace

OutputFile::OutputFile(const std::string& path, bool overwrite, std::optional<FileOwner> owner)
    : path_(path), overwrite_(overwrite) {
  size_t slash = path.rfind('/');
  folder_ = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  base_name_ = slash == std::string::npos ? path : path.substr(slash + 1);
  CheckTarget();
  fd_.Reset(open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, kMode));
  if (!fd_.valid()) {
    // Kernels and file systems without O_TMPFILE say so in these three ways (open(2)).
    if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL) {
      OpenNamed();
    } else if (errno == ENOENT || errno == ENOTDIR) {
      throw Error(fmt::format("{}: its folder {} does not exist; create it first", path_, folder_));
    } else {
      throw Error(
          fmt::format("{}: cannot create a file in {}: {}", path_, folder_, ErrnoText(errno)));
    }
  }
  fchmod(fd_.get(), kMode);  // whatever the umask took away
  if (owner && fchown(fd_.get(), owner->uid, owner->gid) != 0) {
    throw Error(fmt::format("{}: cannot give the file to user {}: {}", path_, owner->uid,
                            ErrnoText(errno)));
  }
}

OutputFile::~OutputFile() {
  if (!temporary_path_.empty()) unlink(temporary_path_.c_str());
}

void OutputFile::CheckTarget() const {
  if (base_name_.empty()) {
    throw Error(fmt::format("{} names a directory; give the name of a file in it", path_));
  }
  struct stat status;
  if (lstat(path_.c_str(), &status) != 0) return;
  if (S_ISDIR(status.st_mode)) {
    throw Error(fmt::format("{} is a directory; give the name of a file in it", path_));
  }
  if (!overwrite_) {
    throw Error(
        fmt::format("{} exists already; give another name, or --force to replace it", path_));
  }
  if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode)) {
    throw Error(fmt::format("{} is not a regular file and will not be replaced", path_));
  }
}

void OutputFile::OpenNamed() {
  temporary_path_ = fmt::format("{}/.{}.XXXXXX", folder_, base_name_);
  fd_.Reset(mkostemp(temporary_path_.data(), O_CLOEXEC));
  if (!fd_.valid()) {
    int error_number = errno;
    temporary_path_.clear();
    throw Error(
        fmt::format("{}: cannot create a file in {}: {}", path_, folder_, ErrnoText(error_number)));
  }
}

uint64_t OutputFile::Publish() {
  auto fail = [&](const char* what) {
    throw Error(fmt::format("{}: {}: {}", path_, what, ErrnoText(errno)));
  };
  if (fsync(fd_.get()) != 0) fail("cannot write it to the disk");
  struct stat status;
  if (fstat(fd_.get(), &status) != 0) fail("cannot read its size");
  if (temporary_path_.empty()) {
    std::string unnamed = fmt::format("/proc/self/fd/{}", fd_.get());
    auto link_as = [&](const std::string& name) {
      return linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
    };
    if (!overwrite_) {
      if (!link_as(path_)) fail("cannot give the file its name");
    } else {
      // There is no call that replaces a name by a file without one.
      temporary_path_ = fmt::format("{}/.{}.{}", folder_, base_name_, getpid());
      if (!link_as(temporary_path_)) {
        temporary_path_.clear();
        fail("cannot give the file its name");
      }
    }
  }
  if (!temporary_path_.empty()) {
    unsigned flags = overwrite_ ? 0 : RENAME_NOREPLACE;
    if (renameat2(AT_FDCWD, temporary_path_.c_str(), AT_FDCWD, path_.c_str(), flags) != 0) {
      fail("cannot give the file its name");
    }
    temporary_path_.clear();
  }
  SyncFolder(folder_);
  return static_cast<uint64_t>(status.st_size);
}

}  // namespace pagesnap
