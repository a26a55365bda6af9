#include "capture/priority.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

namespace pagesnap {
namespace {

constexpr int kLowestNice = 19;

// ioprio_set(2), which glibc has no wrapper for: what the number in the next argument is, a thread,
// and the class that waits until no other process uses the disk.
constexpr int kIoWhoThread = 1;
constexpr int kIoIdle = 3 << 13;

// Linux keeps nice values by thread (setpriority(2), BUGS), so a thread may try it out.
bool TryToRaise(int normal_nice) {
  bool raised = false;
  std::thread([&] {
    setpriority(PRIO_PROCESS, 0, kLowestNice);
    raised = setpriority(PRIO_PROCESS, 0, normal_nice) == 0;
  }).join();
  return raised;
}

}  // namespace

Priority::Priority()
    : normal_nice_(getpriority(PRIO_PROCESS, 0)),
      normal_io_(static_cast<int>(syscall(SYS_ioprio_get, kIoWhoThread, 0))),
      can_raise_(TryToRaise(normal_nice_)) {}

void Priority::Lower(bool raise_later) const {
  if (raise_later && !can_raise_) return;
  setpriority(PRIO_PROCESS, 0, kLowestNice);
  syscall(SYS_ioprio_set, kIoWhoThread, 0, kIoIdle);
}

void Priority::Raise() const {
  setpriority(PRIO_PROCESS, 0, normal_nice_);
  if (normal_io_ >= 0) syscall(SYS_ioprio_set, kIoWhoThread, 0, normal_io_);
}

}  // namespace pagesnap
