#include "lib/store/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/interrupted.h"
#include "lib/store/kill_guard.h"

namespace pagesnap {
namespace {

constexpr size_t kCopyBytes = size_t{1} << 20;
constexpr mode_t kMode = 0600;  // addresses and cgroup names are nobody else's business

void SyncFolder(const std::string& folder) {
  UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems refuse to sync a folder; the file is there all the same.
  if (fd.valid()) fsync(fd.get());
}

[[noreturn]] void Fail(const std::string& path, const char* what) {
  throw Error(fmt::format("{}: {}: {}", path, what, ErrnoText(errno)));
}

uint64_t SizeOf(int fd, const std::string& path) {
  struct stat status;
  if (fstat(fd, &status) != 0) Fail(path, "cannot read its size");
  return static_cast<uint64_t>(status.st_size);
}

// Writes all of `from` to `to`, which is at its end. Throws Interrupted once the flag, which may be
// null, is set.
void CopyAll(int from, int to, const std::string& path, const std::atomic<bool>* interrupted) {
  off_t offset = 0;
  // Shares blocks where the file system can; some pairs of files are refused.
  while (copy_file_range(from, &offset, to, nullptr, kCopyBytes, 0) > 0) {
    CheckInterrupted(interrupted);
  }
  std::vector<char> buffer(kCopyBytes);
  while (true) {
    ssize_t size = pread(from, buffer.data(), buffer.size(), offset);
    if (size < 0) Fail(path, "cannot read it back");
    if (size == 0) return;
    for (ssize_t done = 0; done < size;) {
      const ssize_t written = RetryInterrupted(
          interrupted, [&] { return write(to, buffer.data() + done, size - done); });
      if (written < 0) Fail(path, "cannot write it");
      done += written;
    }
    offset += size;
  }
}

}  // namespace

OutputFile::OutputFile(const std::string& path, bool overwrite, std::optional<FileOwner> owner,
                       const std::atomic<bool>* interrupted)
    : path_(path), overwrite_(overwrite), owner_(owner), interrupted_(interrupted) {
  size_t slash = path.rfind('/');
  folder_ = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  base_name_ = slash == std::string::npos ? path : path.substr(slash + 1);
  CheckTarget();
  file_ = Create();
}

OutputFile::~OutputFile() {
  if (!file_.hidden_path.empty()) unlink(file_.hidden_path.c_str());
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

OutputFile::File OutputFile::Create() const {
  File file;
  file.fd.Reset(open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, kMode));
  if (!file.fd.valid()) {
    // Kernels and file systems without O_TMPFILE say so in these three ways (open(2)).
    if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL) {
      file = CreateHidden();
    } else if (errno == ENOENT || errno == ENOTDIR) {
      throw Error(fmt::format("{}: its folder {} does not exist; create it first", path_, folder_));
    } else {
      throw Error(
          fmt::format("{}: cannot create a file in {}: {}", path_, folder_, ErrnoText(errno)));
    }
  }
  fchmod(file.fd.get(), kMode);  // whatever the umask took away
  if (owner_ && fchown(file.fd.get(), owner_->uid, owner_->gid) != 0) {
    int error_number = errno;
    if (!file.hidden_path.empty()) unlink(file.hidden_path.c_str());
    throw Error(fmt::format("{}: cannot give the file to user {}: {}", path_, owner_->uid,
                            ErrnoText(error_number)));
  }
  return file;
}

OutputFile::File OutputFile::CreateHidden() const {
  File file;
  file.hidden_path = fmt::format("{}/.{}.XXXXXX", folder_, base_name_);
  file.fd.Reset(mkostemp(file.hidden_path.data(), O_CLOEXEC));
  if (!file.fd.valid()) {
    throw Error(
        fmt::format("{}: cannot create a file in {}: {}", path_, folder_, ErrnoText(errno)));
  }
  return file;
}

uint64_t OutputFile::Publish(bool more) {
  File copy;
  if (more) {
    copy = Create();
    CopyAll(file_.fd.get(), copy.fd.get(), path_, interrupted_);
  }
  File* file = more ? &copy : &file_;
  try {
    if (fsync(file->fd.get()) != 0) Fail(path_, "cannot write it to the disk");
    Name(file);
  } catch (const Error&) {
    if (more && !copy.hidden_path.empty()) unlink(copy.hidden_path.c_str());
    throw;
  }
  SyncFolder(folder_);
  overwrite_ = true;  // from now on it is our own file that is replaced
  return SizeOf(file->fd.get(), path_);
}

void OutputFile::Name(File* file) {
  if (!file->hidden_path.empty()) return Rename(file);
  const std::string unnamed = fmt::format("/proc/self/fd/{}", file->fd.get());
  auto link = [&](const std::string& name) {
    return linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
  };
  if (link(path_)) return;
  if (!overwrite_ || errno != EEXIST) Fail(path_, "cannot give the file its name");
  // There is no call that replaces a name by a file without one.
  const std::string name = fmt::format("{}/.{}.{}", folder_, base_name_, getpid());
  const KillGuard guard(name);
  if (!link(name)) Fail(path_, "cannot give the file its name");
  file->hidden_path = name;
  Rename(file);
}

void OutputFile::Rename(File* file) const {
  unsigned flags = overwrite_ ? 0 : RENAME_NOREPLACE;
  if (renameat2(AT_FDCWD, file->hidden_path.c_str(), AT_FDCWD, path_.c_str(), flags) != 0) {
    Fail(path_, "cannot give the file its name");
  }
  file->hidden_path.clear();
}

OutputStream::OutputStream(int stream_fd, const std::atomic<bool>* interrupted)
    : stream_fd_(stream_fd),
      interrupted_(interrupted),
      memory_(memfd_create("pagesnap", MFD_CLOEXEC)) {
  if (!memory_.valid()) Fail("standard output", "no memory to collect the file in");
}

uint64_t OutputStream::Publish(bool) {
  try {
    CopyAll(memory_.get(), stream_fd_, "standard output", interrupted_);
  } catch (const Interrupted&) {
    throw Error("interrupted; standard output does not have all of the file");
  }
  return SizeOf(memory_.get(), "standard output");
}

}  // namespace pagesnap
