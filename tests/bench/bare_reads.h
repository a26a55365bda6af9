// What the kernel alone needs for the words of a capture: the least that any capture can take on
// one core.
#ifndef TESTS_BENCH_BARE_READS_H_
#define TESTS_BENCH_BARE_READS_H_

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "lib/base/unique_fd.h"
#include "tests/bench/bench_process.h"

namespace pagesnap {

struct WordRange {
  uint64_t first;
  uint64_t count;
};

// Reads the pagemap of a process where it has pages, then the three kpage files where these pages'
// frames are, in PFN order, across small holes as capture does.
class BareReads {
 public:
  // Learns what there is to read. The process must not change from then on.
  explicit BareReads(pid_t pid);

  // Has only the three kpage files to read, in these ranges of frames.
  explicit BareReads(const std::vector<WordRange>& frames);

  // Reads all of it once, in this thread.
  RunTime Run();

  [[nodiscard]] uint64_t page_count() const { return page_count_; }
  [[nodiscard]] uint64_t frame_count() const { return frame_count_; }

 private:
  void OpenFrameFiles();
  void FindPages(pid_t pid, std::vector<uint64_t>* frames);
  void Read(const UniqueFd& file, const std::vector<WordRange>& ranges);

  UniqueFd pagemap_;
  std::vector<UniqueFd> frame_files_;
  std::vector<WordRange> pages_;
  std::vector<WordRange> frames_;
  std::vector<uint64_t> buffer_;
  uint64_t page_count_ = 0;
  uint64_t frame_count_ = 0;
};

}  // namespace pagesnap

#endif  // TESTS_BENCH_BARE_READS_H_
