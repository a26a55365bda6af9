// The whole path behind a file: open it, read every table, run every report.
#ifndef TESTS_FUZZ_ASK_EVERYTHING_H_
#define TESTS_FUZZ_ASK_EVERYTHING_H_

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

namespace pagesnap {

// A file for one input after the other, in memory where the machine has a folder for that.
class InputFile {
 public:
  InputFile()
      : path_(access("/dev/shm", W_OK) == 0 ? "/dev/shm/pagesnap-fuzz-XXXXXX"
                                            : "/tmp/pagesnap-fuzz-XXXXXX"),
        fd_(mkstemp(path_.data())) {}
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile() {
    close(fd_);
    unlink(path_.c_str());
  }
  void Write(const void* data, size_t size) const {
    if (ftruncate(fd_, 0) != 0 || pwrite(fd_, data, size, 0) != static_cast<ssize_t>(size)) {
      std::abort();
    }
  }
  // Returns all that is in the file.
  [[nodiscard]] std::string Read() const {
    std::string bytes(static_cast<size_t>(lseek(fd_, 0, SEEK_END)), '\0');
    if (pread(fd_, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
      std::abort();
    }
    return bytes;
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  std::string path_;
  int fd_;
};

// How many parts there are of everything that can be asked: some for the tables, one for two files
// at once, and one for each built-in report.
size_t PartCount();

// Asks the file; anything but an answer or an Error is a finding. A fuzzer gets further when an
// input asks only one part, which is taken modulo PartCount().
void AskEverything(const std::string& path, std::optional<size_t> part = std::nullopt);

}  // namespace pagesnap

#endif  // TESTS_FUZZ_ASK_EVERYTHING_H_
