// The workload's second process, which shares some memory with the first.
#ifndef SAMPLES_WORKLOAD_CHILD_H_
#define SAMPLES_WORKLOAD_CHILD_H_

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "samples/workload_regions.h"

namespace pagesnap {

// A forked child that writes the first half of `copied`, reads all of `shared`, and from then on
// only answers what its page words are. It ends with this object, and also when the parent dies.
class WorkloadChild {
 public:
  WorkloadChild(const Region& copied, const Region& shared);
  ~WorkloadChild();
  WorkloadChild(const WorkloadChild&) = delete;
  WorkloadChild& operator=(const WorkloadChild&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }

  // Returns what the child reads in its own pagemap now: for each of `copied` and `shared`.
  std::vector<std::vector<uint64_t>> AskPageWords();

 private:
  std::vector<Region> regions_;
  pid_t pid_ = -1;
  int request_fd_ = -1;
  int reply_fd_ = -1;
};

}  // namespace pagesnap

#endif  // SAMPLES_WORKLOAD_CHILD_H_
