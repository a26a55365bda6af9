// A file descriptor that closes itself.
#ifndef LIB_BASE_UNIQUE_FD_H_
#define LIB_BASE_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace pagesnap {

// Owns one file descriptor. An empty UniqueFd holds -1.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    Reset(other.Release());
    return *this;
  }
  ~UniqueFd() { Reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }

  // Gives the descriptor to the caller, who closes it.
  int Release() { return std::exchange(fd_, -1); }

  // Closes what is held and takes `fd`. A close error is ignored: what must be durable was synced.
  void Reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace pagesnap

#endif  // LIB_BASE_UNIQUE_FD_H_
