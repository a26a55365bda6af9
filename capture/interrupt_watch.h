// Ends capture when a system call cannot be interrupted.
#ifndef CAPTURE_INTERRUPT_WATCH_H_
#define CAPTURE_INTERRUPT_WATCH_H_

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "lib/base/error.h"

namespace pagesnap {

// A read of /proc/PID/{maps,smaps,pagemap,cmdline} waits for the mmap_lock of that process, and
// only a fatal signal ends the wait (mmap_read_lock_killable() in fs/proc/task_mmu.c). Any user can
// hold that lock for as long as they like: by munmap(2) of changed memory of a file whose FUSE
// server is stopped. If the thread that the kernel chose for SIGINT waits so, no handler runs. The
// same holds for whatever is done with an output file whose FUSE server is stopped
// (request_wait_answer() in fs/fuse/dev.c), or that is on a dead NFS server.
//
// While it lives, a thread takes the signals of CatchInterrupts() that no other thread takes, and
// ends the process, after one sentence on standard error that names the file,
// - a second after such a signal, if a thread still sleeps in a call that reads, or in one that
//   needs the file system of the output;
// - without a signal, if a thread sleeps for a minute and for the budget in one call that reads a
//   file of a process.
// That is as safe as SIGKILL: the kernel ends the waits, the tracer releases what is frozen, and
// the name guard removes what is partial.
class InterruptWatch {
 public:
  // To be made when the tracer's parent is forked, which needs one thread, and before the output is
  // opened. `interrupted` is what CatchInterrupts() returned; borrowed. `budget_ns` is for one file
  // of one process. `output` is what messages call the output. Without a thread (ulimit -u) nothing
  // is watched.
  InterruptWatch(const std::atomic<bool>& interrupted, int64_t budget_ns, std::string output);
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;
  ~InterruptWatch();

  // A snapshot is complete: an end from now on is one with gaps.
  void SetPublished() { exit_code_ = kExitWithGaps; }

 private:
  // The call that a thread sleeps in.
  struct Sleep {
    std::string call;       // number and arguments
    int64_t since_ns = 0;   // when it was seen first; CLOCK_MONOTONIC
    std::string file = {};  // which it is about
    bool for_output = false;
  };

  void Run();
  void TakeSignals();
  void LookAtThreads();
  void Check();
  [[nodiscard]] std::string WhyOutput() const;
  [[nodiscard]] std::string WhyRead(const std::string& file) const;
  [[noreturn]] void End(const std::string& message) const;

  const std::atomic<bool>& interrupted_;
  const int64_t limit_ns_;
  const std::string output_;
  std::atomic<int> exit_code_ = kExitFailed;
  int64_t interrupted_ns_ = 0;  // when the flag was seen set; 0: it is not
  std::map<pid_t, Sleep> sleeps_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable ended_;
  bool ends_ = false;
  std::jthread thread_;
};

// Returns which file a thread of this process waits for, by the contents of
// /proc/self/task/TID/syscall (proc(5)): "" if it does not sleep, or sleeps in a call for no file.
std::string FileOfCall(const std::string& call);

// Returns whether such a call, with the file it is for, is one for the output: for a file that is
// not of the machine, or a wait for the child process that makes and removes files (name_guard.h).
bool IsForOutput(const std::string& call, const std::string& file);

}  // namespace pagesnap

#endif  // CAPTURE_INTERRUPT_WATCH_H_
