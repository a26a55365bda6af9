// How large an output file may become: --max-size, and 5 % of its file system that stay free.
#ifndef LIB_STORE_OUTPUT_SPACE_LIMIT_H_
#define LIB_STORE_OUTPUT_SPACE_LIMIT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "lib/store/output/file_calls.h"

namespace pagesnap {

struct SpaceBounds {
  std::optional<uint64_t> max_bytes = {};  // of the file; empty: no such limit
  // Whether each version of the file is published as a copy, which takes the same room once more.
  bool copied = false;
  // Whether the file is on a disk: 5 % of what fstatvfs(3) calls the size of its file system stays
  // free for others. f_bavail counts, so what ext4 reserves for root does not.
  bool on_disk = true;
};

// Not for two threads at once.
class SpaceLimit {
 public:
  // `fd` is the file that grows; borrowed.
  SpaceLimit(FileCalls& calls, int fd, const SpaceBounds& bounds)
      : calls_(calls), fd_(fd), bounds_(bounds) {}

  // Returns whether the file may be written up to byte `end`. If not, problem() says why, and the
  // answer stays no. Asks the system once for a few megabytes, more often where few are left.
  bool Allows(uint64_t end);

  // Throws Error with `label` when there is no room now for the next version of the file: before
  // processes are read for it, and before it is copied.
  void Check(const std::string& label);

  // One clause for the user; "" while nothing was refused.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  std::optional<uint64_t> Slack(uint64_t end);

  FileCalls& calls_;
  int fd_;
  SpaceBounds bounds_;
  uint64_t end_ = 0;          // the file's, as far as it was asked for
  uint64_t checked_end_ = 0;  // up to there no question is needed
  std::string problem_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_OUTPUT_SPACE_LIMIT_H_
