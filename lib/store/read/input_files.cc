#include "lib/store/read/input_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "lib/base/error.h"
#include "lib/codec/unpack.h"

namespace pagesnap {
namespace {

constexpr size_t kReadBytes = size_t{256} << 10;
constexpr size_t kMagicBytes = 4;
// The first bytes of a stream may stand for more than the ratio.
constexpr uint64_t kMinAllowedBytes = uint64_t{64} << 20;

std::string TemporaryFolder() {
  const char* folder = getenv("TMPDIR");
  return folder == nullptr || *folder == '\0' ? "/tmp" : folder;
}

// Returns an empty file that is gone when it is closed.
UniqueFd MakeUnnamedFile() {
  const std::string folder = TemporaryFolder();
  UniqueFd file(open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file.valid() && (errno == EOPNOTSUPP || errno == EISDIR)) {
    std::string name = folder + "/pagesnap-XXXXXX";
    file.Reset(mkostemp(name.data(), O_CLOEXEC));
    if (file.valid()) unlink(name.c_str());
  }
  if (!file.valid()) {
    throw Error(fmt::format("{}: {}; TMPDIR names a folder for what is unpacked", folder,
                            ErrnoText(errno)));
  }
  return file;
}

// Reads up to `size` bytes, fewer only at the end.
std::string ReadSome(int fd, size_t size, const std::string& label) {
  std::string bytes(size, '\0');
  size_t count = 0;
  while (count < size) {
    const ssize_t got = read(fd, bytes.data() + count, size - count);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(fmt::format("{}: {}", label, ErrnoText(errno)));
    if (got == 0) break;
    count += static_cast<size_t>(got);
  }
  bytes.resize(count);
  return bytes;
}

void WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      throw Error(fmt::format("{}: {}; TMPDIR names a folder for what is unpacked",
                              TemporaryFolder(), ErrnoText(errno)));
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

bool IsRegular(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

InputFiles::InputFiles(std::vector<std::string> given) : labels_(std::move(given)) {
  if (std::count(labels_.begin(), labels_.end(), "-") > 1) {
    throw UsageError("standard input is one file, and '-' can be given once");
  }
  for (std::string& label : labels_) {
    std::string path = label;
    const bool is_input = label == "-";
    if (is_input) label = "standard input";
    // Without O_NONBLOCK a FIFO that nobody writes would be waited for. What cannot be opened is
    // reported by who opens it again.
    const UniqueFd file(is_input ? dup(STDIN_FILENO)
                                 : open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.valid() && (is_input || IsRegular(file.get()))) {
      const std::string begin = ReadSome(file.get(), kMagicBytes, label);
      if (is_input || UnpackerFor(begin) != nullptr) Copy(file.get(), begin, label, &path);
    }
    paths_.push_back(std::move(path));
  }
}

void InputFiles::Copy(int in, const std::string& begin, const std::string& label,
                      std::string* path) {
  UniqueFd copy = MakeUnnamedFile();
  const std::unique_ptr<Unpacker> unpacker = UnpackerFor(begin);
  uint64_t packed_bytes = 0;
  uint64_t bytes = 0;
  const auto sink = [&](std::string_view piece) {
    bytes += piece.size();
    if (bytes > std::max(kMinAllowedBytes, packed_bytes * kMaxRatio)) {
      throw Error(
          fmt::format("it has more than {} times its bytes in it, which no snapshot has; "
                      "unpack it first if you trust it",
                      kMaxRatio));
    }
    WriteAll(copy.get(), piece);
  };
  try {
    for (std::string piece = begin; !piece.empty(); piece = ReadSome(in, kReadBytes, label)) {
      packed_bytes += piece.size();
      if (unpacker == nullptr) {
        WriteAll(copy.get(), piece);
      } else {
        unpacker->Feed(piece, sink);
      }
    }
    if (unpacker != nullptr && !unpacker->is_whole()) throw Error("it is cut off; copy it again");
  } catch (const Error& error) {
    const std::string_view what = error.what();
    if (unpacker == nullptr || what.starts_with(TemporaryFolder())) throw;
    throw Error(fmt::format("{}: {}", label, what));
  }
  *path = fmt::format("/proc/self/fd/{}", copy.get());
  copies_.push_back(std::move(copy));
}

std::string InputFiles::text() const {
  return labels_.size() == 1 ? labels_.front() : fmt::format("{} files", labels_.size());
}

}  // namespace pagesnap
