#include "lib/store/output/output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/interrupted.h"

namespace pagesnap {
namespace {

constexpr size_t kCopyBytes = size_t{1} << 20;
constexpr char kStreamLabel[] = "standard output";

[[noreturn]] void Fail(const std::string& label, const char* what) {
  throw Error(fmt::format("{}: {}: {}", label, what, WriteErrorText(errno)));
}

}  // namespace

uint64_t SizeOf(int fd, const std::string& label) {
  struct stat status;
  if (fstat(fd, &status) != 0) Fail(label, "cannot read its size");
  return static_cast<uint64_t>(status.st_size);
}

void CopyAll(int from, int to, const std::string& label, const std::atomic<bool>* interrupted) {
  off_t offset = 0;
  // Shares blocks where the file system can; some pairs of files are refused.
  while (copy_file_range(from, &offset, to, nullptr, kCopyBytes, 0) > 0) {
    CheckInterrupted(interrupted);
  }
  std::vector<char> buffer(kCopyBytes);
  while (true) {
    ssize_t size = pread(from, buffer.data(), buffer.size(), offset);
    if (size < 0) Fail(label, "cannot read it back");
    if (size == 0) return;
    for (ssize_t done = 0; done < size;) {
      const ssize_t written = RetryInterrupted(
          interrupted, [&] { return write(to, buffer.data() + done, size - done); });
      if (written < 0) Fail(label, "cannot write it");
      done += written;
    }
    offset += size;
  }
}

OutputStream::OutputStream(int stream_fd, std::optional<uint64_t> max_bytes,
                           const std::atomic<bool>* interrupted)
    : stream_fd_(stream_fd),
      interrupted_(interrupted),
      memory_(memfd_create("pagesnap", MFD_CLOEXEC)),
      space_(FileCalls::System(), memory_.get(), {.max_bytes = max_bytes, .on_disk = false}) {
  const int flags = fcntl(stream_fd, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
    throw Error(
        fmt::format("{} is closed or not open for writing; give a file (-o FILE), or "
                    "connect it to a file or a pipe",
                    kStreamLabel));
  }
  if (!memory_.valid()) Fail(kStreamLabel, "no memory to collect the file in");
}

uint64_t OutputStream::Publish(bool) {
  try {
    CopyAll(memory_.get(), stream_fd_, kStreamLabel, interrupted_);
  } catch (const Interrupted&) {
    throw Error(fmt::format("interrupted; {} does not have all of the file", kStreamLabel));
  }
  return SizeOf(memory_.get(), kStreamLabel);
}

}  // namespace pagesnap
