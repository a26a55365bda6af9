#include "lib/proc/directory_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/kcmp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "lib/base/interrupted.h"
#include "lib/proc/cached_file.h"
#include "lib/proc/own_pids.h"
#include "lib/proc/pagemap_scan.h"
#include "lib/proc/rooted_open.h"
#include "lib/proc/sharer_scan.h"

namespace pagesnap {
namespace {

// Larger reads gain nothing for maps and smaps: fs/seq_file.c hands out what its own buffer holds,
// a page unless one record is larger.
constexpr size_t kTextBlockBytes = size_t{64} << 10;

constexpr uint64_t kWordBytes = sizeof(uint64_t);

class DirectoryWordFile final : public WordFile {
 public:
  DirectoryWordFile(UniqueFd fd, std::string full_path, const std::atomic<bool>* interrupted)
      : fd_(std::move(fd)), full_path_(std::move(full_path)), interrupted_(interrupted) {}

  size_t Read(uint64_t first, std::span<uint64_t> words) override {
    constexpr uint64_t kMaxOffset = std::numeric_limits<off_t>::max();
    if (first > kMaxOffset / kWordBytes) return 0;  // no offset: behind the end of any file
    const uint64_t offset = first * kWordBytes;
    const uint64_t wanted = std::min<uint64_t>(words.size_bytes(), kMaxOffset - offset);
    char* const bytes = reinterpret_cast<char*>(words.data());
    uint64_t done = 0;
    while (done < wanted) {
      const ssize_t size = RetryInterrupted(interrupted_, [&] {
        return pread(fd_.get(), bytes + done, wanted - done, static_cast<off_t>(offset + done));
      });
      if (size < 0) throw ReadError(full_path_, errno);
      if (size == 0) break;
      done += static_cast<uint64_t>(size);
    }
    return done / kWordBytes;
  }

  bool Scan(ScanFor what, uint64_t first, uint64_t end, uint64_t page_size,
            std::vector<PageRange>* ranges) override {
    if (!can_scan_) return false;
    CheckInterrupted(interrupted_);
    try {
      ScanPages(IoctlScan(fd_.get(), full_path_, what), page_size, first, end, ranges);
    } catch (const ReadError& error) {
      // Before 6.7, and for files that are no pagemap, there is no such call.
      if (error.error_number() != ENOTTY && error.error_number() != EINVAL) throw;
      can_scan_ = false;
    }
    return can_scan_;
  }

 private:
  UniqueFd fd_;
  std::string full_path_;
  const std::atomic<bool>* interrupted_;
  bool can_scan_ = true;
};

// Owns a directory stream.
class DirectoryStream {
 public:
  explicit DirectoryStream(UniqueFd fd) : stream_(fdopendir(fd.get())) {
    if (stream_ != nullptr) fd.Release();  // the stream closes it from here on
  }
  DirectoryStream(const DirectoryStream&) = delete;
  DirectoryStream& operator=(const DirectoryStream&) = delete;
  ~DirectoryStream() {
    if (stream_ != nullptr) closedir(stream_);
  }
  [[nodiscard]] DIR* get() const { return stream_; }

 private:
  DIR* stream_;
};

// Not every file system fills in d_type (readdir(3)). An entry that has gone since counts as none.
bool IsDirectory(DIR* stream, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  struct stat status;
  return fstatat(dirfd(stream), entry.d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(status.st_mode);
}

int64_t ReadClock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

int64_t Nanoseconds(const timeval& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + int64_t{time.tv_usec} * 1000;
}

// ru_maxrss also counts what the process had before exec(), that is, a copy of whoever started it
// (fs/exec.c, setmax_mm_hiwater_rss).
std::optional<int64_t> PeakRssKib() {
  const UniqueFd fd(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> text = {};  // a line or two above 1 KiB, and a NUL at the end
  if (!fd.valid() || read(fd.get(), text.data(), text.size() - 1) <= 0) return std::nullopt;
  const char* peak = std::strstr(text.data(), "\nVmHWM:");
  if (peak == nullptr) return std::nullopt;
  return std::strtoll(peak + std::strlen("\nVmHWM:"), nullptr, 10);
}

SpaceOrder CompareByNumber(int32_t task, int32_t other) {
  switch (syscall(SYS_kcmp, task, other, KCMP_VM, 0, 0)) {
    case 0:
      return SpaceOrder::kSame;
    case 1:
      return SpaceOrder::kBefore;
    case 2:
      return SpaceOrder::kAfter;
    default:
      return errno == ESRCH ? SpaceOrder::kGone : SpaceOrder::kUnknown;
  }
}

}  // namespace

DirectoryReader::DirectoryReader(const std::string& root, const std::atomic<bool>* interrupted)
    : interrupted_(interrupted), prefix_(root) {
  root_.Reset(RetryInterrupted(interrupted_, [&] {
    return open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOCTTY);
  }));
  if (!root_.valid()) {
    throw Error(
        fmt::format("{}: cannot be read as the root of proc and sys: {}", root, ErrnoText(errno)));
  }
  if (!prefix_.ends_with('/')) prefix_ += '/';
}

UniqueFd DirectoryReader::Open(const std::string& path, int flags) const {
  UniqueFd fd;
  RetryInterrupted(interrupted_, [&] {
    fd = OpenBelow(root_.get(), path, flags);
    return fd.get();
  });
  if (!fd.valid()) throw ReadError(FullPath(path), errno);
  return fd;
}

// Of what is neither a regular file nor a folder, reading could block, or change a device.
UniqueFd DirectoryReader::OpenFile(const std::string& path) const {
  UniqueFd fd = Open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK);  // a FIFO would wait for a writer
  struct stat status;
  if (fstat(fd.get(), &status) != 0) throw ReadError(FullPath(path), errno);
  if (!S_ISREG(status.st_mode)) {
    // Like the read of a folder.
    throw ReadError(FullPath(path), S_ISDIR(status.st_mode) ? EISDIR : EMEDIUMTYPE);
  }
  return fd;
}

void DirectoryReader::ReadText(const std::string& path, const TextSink& sink) {
  const UniqueFd fd = OpenFile(path);
  const auto buffer = std::make_unique_for_overwrite<char[]>(kTextBlockBytes);
  for (;;) {
    const ssize_t size = RetryInterrupted(
        interrupted_, [&] { return read(fd.get(), buffer.get(), kTextBlockBytes); });
    if (size < 0) throw ReadError(FullPath(path), errno);
    if (size == 0) return;
    sink(std::string_view(buffer.get(), static_cast<size_t>(size)));
  }
}

std::vector<DirectoryEntry> DirectoryReader::List(const std::string& path) {
  const DirectoryStream stream(Open(path, O_RDONLY | O_DIRECTORY));
  struct stat status;
  if (stream.get() == nullptr || fstat(dirfd(stream.get()), &status) != 0) {
    throw ReadError(FullPath(path), errno);
  }
  // From the directory itself: not every file system lists ".".
  std::vector<DirectoryEntry> entries = {{".", status.st_ino, true}};
  for (;;) {
    CheckInterrupted(interrupted_);
    errno = 0;  // readdir tells the end from an error by errno alone
    const dirent* const entry = readdir(stream.get());
    if (entry == nullptr && errno == EINTR) continue;
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    entries.push_back({std::string(name), entry->d_ino, IsDirectory(stream.get(), *entry)});
  }
  if (errno != 0) throw ReadError(FullPath(path), errno);
  return entries;
}

std::string DirectoryReader::ReadLink(const std::string& path) {
  // No link is longer: the kernel refuses with ENAMETOOLONG, also in proc (do_proc_readlink()).
  std::string target(PATH_MAX, '\0');
  const UniqueFd link = Open(path, O_PATH | O_NOFOLLOW);
  const ssize_t size = RetryInterrupted(
      interrupted_, [&] { return readlinkat(link.get(), "", target.data(), target.size()); });
  if (size < 0) {
    const int error_number = errno;
    // Of what is no link the kernel says ENOENT where it is named by its descriptor.
    struct stat status;
    const bool is_link = fstat(link.get(), &status) != 0 || S_ISLNK(status.st_mode);
    throw ReadError(FullPath(path), is_link ? error_number : EINVAL);
  }
  target.resize(static_cast<size_t>(size));
  return target;
}

std::unique_ptr<WordFile> DirectoryReader::OpenWords(const std::string& path) {
  return std::make_unique<DirectoryWordFile>(OpenFile(path), FullPath(path), interrupted_);
}

FileStatus DirectoryReader::StatLink(const std::string& path) {
  CheckInterrupted(interrupted_);
  const std::optional<FileStatus> status = StatCached(root_.get(), path.c_str(), 0);
  if (!status) throw ReadError(FullPath(path), errno);
  return *status;
}

FileStatus DirectoryReader::StatInFolder(const std::string& folder, const std::string& name) {
  CheckInterrupted(interrupted_);
  const std::string path = folder + '/' + name;
  const UniqueFd fd(openat(root_.get(), folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) throw ReadError(FullPath(folder), errno);
  const UniqueFd file = OpenCachedName(fd.get(), name);
  if (!file.valid()) throw ReadError(FullPath(path), errno);
  const std::optional<FileStatus> status = StatCached(file.get(), "", AT_EMPTY_PATH);
  if (!status) throw ReadError(FullPath(path), errno);
  return *status;
}

std::unique_ptr<CachedFile> DirectoryReader::OpenCached(const std::string& path) {
  CheckInterrupted(interrupted_);
  return OpenCachedFile(root_.get(), path, FullPath(path));
}

SpaceOrder DirectoryReader::CompareSpaces(int32_t pid, int32_t other) {
  CheckInterrupted(interrupted_);
  return HasOwnPids() ? CompareByNumber(pid, other) : SpaceOrder::kUnknown;
}

FoundSharers DirectoryReader::FindSharers(std::span<const int32_t> tasks,
                                          std::span<const int32_t> others) {
  CheckInterrupted(interrupted_);
  constexpr std::chrono::milliseconds kPatience{200};
  if (!HasOwnPids()) return {.pids = {}, .unknown_count = others.size()};
  return ScanForSharers(CompareByNumber, tasks, others, kPatience);
}

bool DirectoryReader::HasOwnPids() {
  std::call_once(own_pids_once_, [this] { own_pids_ = ShowsOwnPids(*this, getpid()); });
  return own_pids_;
}

ClockReading DirectoryReader::Now() {
  return {ReadClock(CLOCK_REALTIME), ReadClock(CLOCK_BOOTTIME)};
}

MachineInfo DirectoryReader::Machine() {
  MachineInfo machine{.architecture = "",
                      .page_size = static_cast<uint64_t>(sysconf(_SC_PAGESIZE)),
                      .ram_pages = 0};
  utsname names;
  if (uname(&names) == 0) machine.architecture = names.machine;
  if (const long pages = sysconf(_SC_PHYS_PAGES); pages > 0) {
    machine.ram_pages = static_cast<uint64_t>(pages);
  }
  return machine;
}

ResourceUsage DirectoryReader::Usage() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return {.user_ns = Nanoseconds(usage.ru_utime),
          .system_ns = Nanoseconds(usage.ru_stime),
          .peak_rss_kib = PeakRssKib().value_or(usage.ru_maxrss)};
}

}  // namespace pagesnap
