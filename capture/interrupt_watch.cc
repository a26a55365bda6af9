#include "capture/interrupt_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "capture/interrupt.h"
#include "capture/monotonic.h"
#include "lib/base/number.h"
#include "lib/base/print.h"
#include "lib/base/thread.h"
#include "lib/base/unique_fd.h"

namespace pagesnap {
namespace {

constexpr std::chrono::milliseconds kTick(200);
constexpr int64_t kPatienceNs = 1'000'000'000;
// A smaller budget is no reason to lose the snapshot: it is about what the kernel does, and most
// waits end.
constexpr int64_t kMinLimitNs = 60'000'000'000;
// For the sentence: standard error may block for ever.
constexpr unsigned kMaxPrintSeconds = 2;

sigset_t CaughtSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : kInterrupts) sigaddset(&signals, number);
  return signals;
}

// Returns what a descriptor of this process is open for.
std::string FileOfDescriptor(unsigned long fd) {
  std::string path(PATH_MAX, '\0');
  const ssize_t size =
      readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), path.data(), path.size());
  path.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return path;
}

// Returns the string at an address of this process, which may be invalid.
std::string TextAt(unsigned long address) {
  std::array<char, 64> text = {};
  iovec here = {.iov_base = text.data(), .iov_len = text.size() - 1};
  iovec there = {.iov_base = reinterpret_cast<void*>(address), .iov_len = text.size() - 1};
  if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) <= 0) return "";
  return text.data();
}

bool IsFileOfAProcess(const std::string& file) {
  const size_t at = file.find("proc/");
  return at != std::string::npos && at + 5 < file.size() &&
         std::isdigit(static_cast<unsigned char>(file[at + 5])) != 0;
}

bool IsFileOfTheMachine(const std::string& file) {
  for (const std::string folder : {"proc/", "sys/", "boot/"}) {
    if (file.starts_with(folder) || file.find("/" + folder) != file.npos) return true;
  }
  return false;
}

// The number and the arguments of a system call.
struct Call {
  long number = -1;  // -1: none
  std::array<unsigned long, 4> arguments = {};
};

Call ParseCall(const std::string& text) {
  Call call;
  auto& [a, b, c, d] = call.arguments;
  if (std::sscanf(text.c_str(), "%ld %lx %lx %lx %lx", &call.number, &a, &b, &c, &d) < 3) return {};
  return call;
}

// Returns the line of /proc/self/task/TID/syscall, "" when there is none.
std::string CallOf(pid_t thread) {
  const std::string path = fmt::format("/proc/self/task/{}/syscall", thread);
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 256> line;
  const ssize_t size = fd.valid() ? read(fd.get(), line.data(), line.size()) : 0;
  return size > 0 ? std::string(line.data(), static_cast<size_t>(size)) : "";
}

}  // namespace

std::string FileOfCall(const std::string& text) {
  const Call call = ParseCall(text);
  const auto& arguments = call.arguments;
  auto file_of = [](unsigned long folder, unsigned long name) {
    const std::string path = TextAt(name);
    return path.empty() ? FileOfDescriptor(folder) : path;
  };
  switch (call.number) {
    case SYS_read:
    case SYS_pread64:
    case SYS_ioctl:
    case SYS_getdents64:
    case SYS_write:
    case SYS_pwrite64:
    case SYS_copy_file_range:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_ftruncate:
    case SYS_fallocate:
    case SYS_fcntl:
    case SYS_fstat:
    case SYS_fstatfs:
    case SYS_close:
      return FileOfDescriptor(arguments[0]);
    case SYS_openat:
    case SYS_openat2:
    case SYS_readlinkat:
    case SYS_newfstatat:
    case SYS_statx:
    case SYS_faccessat:
    case SYS_unlinkat:
      return file_of(arguments[0], arguments[1]);
    case SYS_linkat:  // from a descriptor's name in /proc
    case SYS_renameat2:
#ifdef SYS_renameat
    case SYS_renameat:
#endif
      return file_of(arguments[2], arguments[3]);
    default:
      return "";
  }
}

bool IsForOutput(const std::string& call, const std::string& file) {
  const long number = ParseCall(call).number;
  if (number == SYS_recvmsg || number == SYS_wait4) return true;
  // "pipe:[1]", "socket:[1]", "anon_inode:[eventfd]"
  const bool is_path = !file.empty() && file.find(":[") == file.npos;
  return is_path && !IsFileOfTheMachine(file) && !file.starts_with("/dev/");
}

InterruptWatch::InterruptWatch(const std::atomic<bool>& interrupted, int64_t budget_ns,
                               std::string output)
    : interrupted_(interrupted),
      limit_ns_(std::max(budget_ns, kMinLimitNs)),
      output_(std::move(output)) {
  const sigset_t signals = CaughtSignals();
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &signals, &before);  // the thread keeps this
  thread_ = TryStartThread([this] { Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

InterruptWatch::~InterruptWatch() {
  const std::lock_guard lock(mutex_);
  ends_ = true;
  ended_.notify_all();
}

void InterruptWatch::Run() {
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, kTick, [this] { return ends_; })) {
    TakeSignals();
    LookAtThreads();
    Check();
  }
}

// A signal that waits for a thread which is held in the kernel is pending for the whole process.
void InterruptWatch::TakeSignals() {
  const sigset_t signals = CaughtSignals();
  const timespec no_time = {};
  int number;
  while ((number = sigtimedwait(&signals, nullptr, &no_time)) > 0) TakeInterrupt(number);
  if (interrupted_ && interrupted_ns_ == 0) interrupted_ns_ = MonotonicNow();
}

void InterruptWatch::LookAtThreads() {
  const auto self = static_cast<pid_t>(syscall(SYS_gettid));
  std::map<pid_t, Sleep> sleeps;
  const std::unique_ptr<DIR, int (*)(DIR*)> tasks(opendir("/proc/self/task"), closedir);
  while (const dirent* task = tasks ? readdir(tasks.get()) : nullptr) {
    const pid_t thread = std::atoi(task->d_name);
    if (thread <= 0 || thread == self) continue;
    Sleep sleep{.call = CallOf(thread), .since_ns = MonotonicNow()};
    if (sleep.call.empty()) continue;
    const auto known = sleeps_.find(thread);
    if (known != sleeps_.end() && known->second.call == sleep.call) {
      sleep = known->second;
    } else {
      sleep.file = FileOfCall(sleep.call);
      sleep.for_output = IsForOutput(sleep.call, sleep.file);
    }
    if (sleep.for_output || IsFileOfTheMachine(sleep.file)) sleeps[thread] = sleep;
  }
  sleeps_ = std::move(sleeps);
}

void InterruptWatch::Check() {
  const int64_t now = MonotonicNow();
  for (const auto& [thread, sleep] : sleeps_) {
    const int64_t slept_ns = now - std::max(sleep.since_ns, interrupted_ns_);
    if (interrupted_ns_ != 0 && slept_ns > kPatienceNs) {
      End("interrupted; " + (sleep.for_output ? WhyOutput() : WhyRead(sleep.file)));
    }
    if (now - sleep.since_ns > limit_ns_ && !sleep.for_output && IsFileOfAProcess(sleep.file)) {
      End(fmt::format("no answer for {}; {}", HumanDuration(static_cast<uint64_t>(limit_ns_)),
                      WhyRead(sleep.file)));
    }
  }
}

// The call that does not return may be one of the last, after the file got its name.
std::string InterruptWatch::WhyOutput() const {
  return fmt::format("the file system of {} does not answer; {}", output_,
                     exit_code_ == kExitFailed ? "no incomplete file has this name"
                                               : "the file has all snapshots that were complete");
}

std::string InterruptWatch::WhyRead(const std::string& file) const {
  return fmt::format(
      "the read of {} does not end{}; {}", file,
      IsFileOfAProcess(file)
          ? ", because that process keeps the lock on its memory, or its execve does not end: "
            "leave it out"
          : "",
      exit_code_ == kExitFailed ? "nothing was written"
                                : "the file has all snapshots that were complete");
}

void InterruptWatch::End(const std::string& message) const {
  sigset_t alarm_signal;
  sigemptyset(&alarm_signal);
  sigaddset(&alarm_signal, SIGALRM);
  signal(SIGALRM, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &alarm_signal, nullptr);
  alarm(kMaxPrintSeconds);
  PrintMessage(stderr, "capture: " + message);
  _exit(exit_code_);
}

}  // namespace pagesnap
