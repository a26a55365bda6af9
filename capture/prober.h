// Finds processes whose files in /proc do not answer: what the engine sees of it.
#ifndef CAPTURE_PROBER_H_
#define CAPTURE_PROBER_H_

#include <chrono>
#include <cstdint>
#include <set>
#include <span>

namespace pagesnap {

// A read of a process's files waits for locks that any user can hold for as long as they like, with
// memory of a FUSE file whose server is stopped (fuse_vma_close() in fs/fuse/file.c writes it
// back):
// - mmap_lock, as while mmap(2) replaces such memory. The reads of smaps, pagemap and cmdline wait
//   for it, that of maps too before 6.17.
// - signal->exec_update_lock, while execve(2) frees the old memory (exec_mmap() in fs/exec.c).
//   Whoever opens maps, smaps or pagemap waits for it (mm_access() in kernel/fork.c), and on some
//   kernels (seen on 6.18.44) whoever reads stat or exe. Before 5.8 it was cred_guard_mutex, which
//   execve(2) holds for longer: also while it reads the program.
// status and cgroup wait for neither.
class Prober {
 public:
  enum class Question {
    kMemory,  // can pagemap be opened and read, or cmdline, where that is not permitted?
    kStat     // can stat be read?
  };
  // For when others have to wait meanwhile.
  static constexpr std::chrono::milliseconds kShortPatience{20};
  // What all questions of one phase with at most that patience may take together.
  static constexpr std::chrono::milliseconds kShortTime{1000};

  virtual ~Prober() = default;

  // A phase of a capture begins, and kShortTime with it.
  virtual void BeginPhase() = 0;

  // Returns those of `pids` that do not answer within `patience`, which is for each one, and those
  // that were not asked because the time for all was over: kShortTime, with a longer patience what
  // a few that do not answer take. An error is an answer, and where nobody can be asked, all count
  // as if they had answered. Throws Interrupted. The thread that calls it has to live until it
  // returns.
  virtual std::set<int32_t> FindSilent(std::span<const int32_t> pids, Question question,
                                       std::chrono::milliseconds patience) = 0;
};

}  // namespace pagesnap

#endif  // CAPTURE_PROBER_H_
