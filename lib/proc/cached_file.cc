#include "lib/proc/cached_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace pagesnap {
namespace {

// Not in the headers of older systems.
constexpr uint64_t kResolveCached = 0x20;  // since 5.12

constexpr int64_t kNsPerSecond = 1'000'000'000;

// RWF_NOWAIT alone waits for nothing, but starts to read from the disk what is not in memory
// (filemap_get_pages() in mm/filemap.c). So mincore(2) is asked first: it tells without reading.
class MappedFile final : public CachedFile {
 public:
  // Throws ReadError when mincore(2) would not say the truth.
  MappedFile(UniqueFd fd, uint64_t size, std::string path)
      : fd_(std::move(fd)), path_(std::move(path)) {
    // One page more than the file has. Nothing is there; where we may not ask (can_do_mincore() in
    // mm/mincore.c), the kernel says that all is in memory.
    length_ = (size / kPageSize + 2) * kPageSize;
    address_ = mmap(nullptr, length_, PROT_READ, MAP_SHARED, fd_.get(), 0);
    if (address_ == MAP_FAILED) throw ReadError(path_, errno);
    if (IsInMemory(length_ - kPageSize, 1)) {
      munmap(address_, length_);
      throw ReadError(path_, EPERM);
    }
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() override { munmap(address_, length_); }

  size_t Read(uint64_t offset, std::span<char> bytes) override {
    if (offset >= length_ || !IsInMemory(offset, std::min(bytes.size(), length_ - offset))) {
      return 0;
    }
    iovec part = {bytes.data(), bytes.size()};
    const ssize_t size = preadv2(fd_.get(), &part, 1, static_cast<off_t>(offset), RWF_NOWAIT);
    if (size >= 0) return static_cast<size_t>(size);
    if (errno == EAGAIN || errno == EINTR) return 0;  // it was evicted just now
    throw ReadError(path_, errno);                    // EOPNOTSUPP: tmpfs, overlay, before 4.14
  }

 private:
  // A header is a few pages.
  static constexpr size_t kMaxPages = 16;

  [[nodiscard]] bool IsInMemory(uint64_t offset, size_t size) const {
    const uint64_t first = offset / kPageSize;
    const uint64_t end = (offset + size + kPageSize - 1) / kPageSize;
    std::array<unsigned char, kMaxPages> pages = {};
    if (end - first > pages.size()) return false;
    char* const address = static_cast<char*>(address_) + first * kPageSize;
    if (mincore(address, (end - first) * kPageSize, pages.data()) != 0) return false;
    return std::all_of(pages.begin(), pages.begin() + static_cast<ptrdiff_t>(end - first),
                       [](unsigned char page) { return (page & 1) != 0; });
  }

  const uint64_t kPageSize = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  UniqueFd fd_;
  std::string path_;
  uint64_t length_ = 0;  // bytes
  void* address_ = nullptr;
};

}  // namespace

std::optional<FileStatus> StatCached(int folder, const char* name, int flags) {
  struct statx status;
  if (statx(folder, name, flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS,
            &status) != 0) {
    return std::nullopt;
  }
  FileStatus result{.device_major = status.stx_dev_major,
                    .device_minor = status.stx_dev_minor,
                    .inode = status.stx_ino,
                    .size = status.stx_size,
                    .link_count = status.stx_nlink,
                    .is_regular = S_ISREG(status.stx_mode),
                    .block_count = status.stx_blocks};
  // Any user can set any time, and no clock shows one that does not fit.
  if (__builtin_mul_overflow(status.stx_mtime.tv_sec, kNsPerSecond, &result.mtime_ns) ||
      __builtin_add_overflow(result.mtime_ns, status.stx_mtime.tv_nsec, &result.mtime_ns)) {
    errno = EOVERFLOW;
    return std::nullopt;
  }
  return result;
}

UniqueFd OpenCachedName(int folder, const std::string& name) {
  open_how how = {};
  how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | kResolveCached;
  return UniqueFd(static_cast<int>(syscall(SYS_openat2, folder, name.c_str(), &how, sizeof how)));
}

std::unique_ptr<CachedFile> OpenCachedFile(int folder, const std::string& name,
                                           const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  UniqueFd fd(openat(folder, name.c_str(), kFlags | O_NOATIME));
  if (!fd.valid() && errno == EPERM) fd.Reset(openat(folder, name.c_str(), kFlags));
  struct stat status;
  if (!fd.valid() || fstat(fd.get(), &status) != 0) throw ReadError(path, errno);
  if (!S_ISREG(status.st_mode)) throw ReadError(path, EMEDIUMTYPE);
  return std::make_unique<MappedFile>(std::move(fd), static_cast<uint64_t>(status.st_size), path);
}

}  // namespace pagesnap
