// A parent with memory and workers that it forked, all of them stopped: what each wrote is known.
#ifndef TESTS_LIVE_FORKED_SERVICE_H_
#define TESTS_LIVE_FORKED_SERVICE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace pagesnap {

class ForkedService {
 public:
  // Of 4 KiB. The parent fills kParentPages before the workers are forked. Then each worker writes
  // the first kWrittenPages, reads no other, drops the last kDroppedPages (MADV_DONTNEED) and maps
  // kNewPages more. The parent writes kParentWritten pages from kParentFirst on.
  static constexpr uint64_t kParentPages = 2048;
  static constexpr uint64_t kWrittenPages = 256;
  static constexpr uint64_t kParentFirst = 1024;
  static constexpr uint64_t kParentWritten = 128;
  static constexpr uint64_t kDroppedPages = 64;
  static constexpr uint64_t kNewPages = 512;

  struct Options {
    int workers = 1;
    std::string cgroup = "";  // directory of a cgroup that all run in; "": that of the test
  };
  // Throws Error.
  explicit ForkedService(const Options& options);
  // Kills them all, and returns when they are gone.
  ~ForkedService();
  ForkedService(const ForkedService&) = delete;
  ForkedService& operator=(const ForkedService&) = delete;

  [[nodiscard]] const std::vector<pid_t>& pids() const { return pids_; }  // the parent first
  [[nodiscard]] pid_t parent() const { return pids_.front(); }
  // The address of the parent's memory, which the workers have at the same one.
  [[nodiscard]] uint64_t start() const { return start_; }
  // The address of what the workers map after the fork.
  [[nodiscard]] uint64_t new_start() const { return new_start_; }

 private:
  std::vector<pid_t> pids_;
  uint64_t start_ = 0;
  uint64_t new_start_ = 0;
};

}  // namespace pagesnap

#endif  // TESTS_LIVE_FORKED_SERVICE_H_
