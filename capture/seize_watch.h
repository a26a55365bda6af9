// Keeps the tracer from waiting forever in PTRACE_SEIZE.
#ifndef CAPTURE_SEIZE_WATCH_H_
#define CAPTURE_SEIZE_WATCH_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace pagesnap {

// PTRACE_SEIZE waits for the cred_guard_mutex of a process that is in execve(2) (ptrace_attach() in
// kernel/ptrace.c). The exec waits until the other threads of the process are gone (de_thread() in
// fs/exec.c). Those of them that are traced become zombies that only their tracer can reap, and the
// tracer waits in PTRACE_SEIZE. wait4(2) without __WNOTHREAD also reaps the tracees of the other
// threads of its thread group (do_wait() in kernel/exit.c), so a second thread reaps meanwhile.
// An exec can take long for other reasons too, such as a program on a dead NFS server: then the
// second thread ends the wait by a signal.
//
// Of a thread that was stopped by a signal PTRACE_SEIZE also waits until it has entered a trap
// (JOBCTL_TRAPPING in ptrace_attach()). It never does while a version 1 freezer cgroup holds it,
// and only SIGKILL ends that wait. So the second thread says which process it is, and ends this
// one.
//
// One for a process: it installs a handler for SIGUSR1, which must not be blocked in the thread
// that seizes.
class SeizeWatch {
 public:
  // The status that wait4(2) gave for a thread.
  struct Event {
    pid_t thread;
    int status;
  };

  // To be called in the thread that will trace. Starts the second thread, which ends with the
  // process. `say_hung` is called there with the pid of the process that cannot be seized, right
  // before the process ends with kTracerHung.
  explicit SeizeWatch(std::function<void(pid_t)> say_hung);
  SeizeWatch(const SeizeWatch&) = delete;
  SeizeWatch& operator=(const SeizeWatch&) = delete;

  // Seizes a thread of `process` with PTRACE_O_TRACEEXEC. Returns 0, or the errno value: EAGAIN
  // when it took too long. In that case the thread may have been seized at the last moment: try
  // PTRACE_INTERRUPT.
  int Seize(pid_t process, pid_t thread);

  // The second thread looks after the first from now until Disarm().
  void Arm();
  void Disarm();
  // At this time, in CLOCK_MONOTONIC nanoseconds, the second thread ends the process, so that the
  // kernel releases all tracees; 0: never.
  void SetEnd(int64_t end_ns) { end_ns_ = end_ns; }

  // Appends what was reaped meanwhile, in its order, then what there is to reap now: of `thread`,
  // or of all threads for -1. Returns false when wait4() says ECHILD.
  bool Reap(pid_t thread, std::vector<Event>* events);

 private:
  void Watch();
  bool ReapOne(pid_t thread, std::vector<Event>* events, bool* found);

  const std::function<void(pid_t)> say_hung_;
  const pid_t tracer_;
  std::atomic<pid_t> seizing_process_ = 0;
  std::atomic<bool> armed_ = false;
  std::atomic<int64_t> seizing_since_ns_ = 0;  // 0: not in PTRACE_SEIZE
  std::atomic<int64_t> end_ns_ = 0;
  std::mutex mutex_;  // held while reaping, so that events keep their order; guards what follows
  std::vector<Event> reaped_;
};

}  // namespace pagesnap

#endif  // CAPTURE_SEIZE_WATCH_H_
