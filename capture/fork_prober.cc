#include "capture/fork_prober.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <new>
#include <optional>
#include <thread>

#include "capture/child_process.h"
#include "capture/select.h"
#include "lib/base/error.h"
#include "lib/base/interrupted.h"
#include "lib/base/unique_fd.h"
#include "lib/proc/directory_reader.h"
#include "lib/proc/rooted_open.h"

namespace pagesnap {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLook(10);
// A child that was killed ends at once, unless the kernel is so old (before 5.3) that a signal does
// not end the wait for mmap_lock.
constexpr milliseconds kMaxWaitForEnd(200);

// Counts down what all questions may take.
class TimeLeft {
 public:
  // `left` is borrowed. `counts_answers`: also while answers come.
  TimeLeft(std::chrono::nanoseconds* left, bool counts_answers)
      : left_(*left), counts_answers_(counts_answers) {}

  [[nodiscard]] bool is_over() const { return left_ <= std::chrono::nanoseconds::zero(); }
  // Ends a step. `answered`: an answer came in it.
  void EndStep(bool answered) {
    // A longer one was not spent with waiting: this process was stopped.
    constexpr Clock::duration kMaxStep = milliseconds(300);
    const Clock::time_point now = Clock::now();
    if (!answered || counts_answers_) left_ -= std::min(now - step_, kMaxStep);
    step_ = now;
  }

 private:
  using Clock = std::chrono::steady_clock;

  std::chrono::nanoseconds& left_;
  bool counts_answers_;
  Clock::time_point step_ = Clock::now();
};

// A number that this process and a child share.
class SharedCount {
 public:
  using Count = std::atomic<size_t>;
  static_assert(Count::is_always_lock_free);

  SharedCount() {
    void* memory =
        mmap(nullptr, sizeof(Count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) count_ = new (memory) Count(0);
  }
  SharedCount(const SharedCount&) = delete;
  SharedCount& operator=(const SharedCount&) = delete;
  ~SharedCount() {
    if (count_ != nullptr) munmap(count_, sizeof(Count));
  }

  [[nodiscard]] Count* get() const { return count_; }  // null: there is no memory for it

 private:
  Count* count_ = nullptr;
};

// Reads the first bytes of a file. Returns whether that was possible.
bool ReadFirst(int root, const std::string& path) {
  // A recorded tree may have a FIFO there.
  const UniqueFd file = OpenBelow(root, path, O_RDONLY | O_NOCTTY | O_NONBLOCK);
  uint64_t word = 0;
  return file.valid() && read(file.get(), &word, sizeof word) >= 0;
}

void Ask(int root, int32_t pid, Prober::Question question) {
  const std::string process = fmt::format("proc/{}/", pid);
  if (question == Prober::Question::kStat) {
    ReadFirst(root, process + "stat");
  } else if (!ReadFirst(root, process + "pagemap")) {
    ReadFirst(root, process + "cmdline");
  }
}

// Locks of other threads stay locked in a child, but for those of malloc: so this uses only that
// and system calls, and throws nothing.
[[noreturn]] void RunChild(int pipe, pid_t parent, const std::string& root,
                           std::span<const int32_t> pids, Prober::Question question,
                           SharedCount::Count* answered) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  prctl(PR_SET_NAME, "capture-prober");
  // This process may outlive its parent: above all it must not keep the output open.
  KeepOnly(UniqueFd(pipe));
  const UniqueFd folder(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const int32_t pid : pids) {
    Ask(folder.get(), pid, question);
    ++*answered;
  }
  _exit(0);
}

// A process that asks others, one after the other.
class Child {
 public:
  Child(const std::string& root, std::span<const int32_t> pids, Prober::Question question) {
    int ends[2];
    if (answered_.get() == nullptr || pipe2(ends, O_CLOEXEC) != 0) return;
    ended_.Reset(ends[0]);
    const UniqueFd other_end(ends[1]);
    const pid_t self = getpid();
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // the child keeps this
    pid_ = fork();
    if (pid_ == 0) RunChild(other_end.get(), self, root, pids, question, answered_.get());
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { End(); }

  // Waits until the child has ended, or one of its processes has not answered for `patience` or
  // until `time` is over, and returns how many did before that one. Nothing: it has ended, or never
  // began.
  [[nodiscard]] std::optional<size_t> WaitForSilence(milliseconds patience, TimeLeft* time,
                                                     const std::atomic<bool>* interrupted) const {
    if (pid_ < 0) return std::nullopt;
    size_t seen = *answered_.get();
    // Looks are counted, and not the time: this process and its child may both have been stopped.
    milliseconds left = patience;
    while (!time->is_over() && (left > milliseconds::zero() || IsRunnable())) {
      CheckInterrupted(interrupted);
      pollfd file = {.fd = ended_.get(), .events = POLLIN, .revents = 0};
      const int result = poll(&file, 1, static_cast<int>(kLook.count()));
      if (result > 0) return std::nullopt;
      const size_t now = *answered_.get();
      if (result == 0) left -= kLook;  // else a signal came
      if (now != seen) left = patience;
      time->EndStep(now != seen);
      seen = now;
    }
    return seen;
  }

  // Kills the child. Returns how many processes had answered.
  size_t End() {
    if (pid_ < 0) return 0;
    kill(pid_, SIGKILL);
    for (auto left = kMaxWaitForEnd; left > milliseconds::zero(); left -= milliseconds(1)) {
      if (waitpid(pid_, nullptr, WNOHANG) == pid_) break;
      std::this_thread::sleep_for(milliseconds(1));
    }
    pid_ = -1;
    return *answered_.get();
  }

 private:
  // Returns whether the child waits for nothing but a processor.
  [[nodiscard]] bool IsRunnable() const {
    try {
      DirectoryReader machine("/");
      return ReadStat(machine, pid_).state == 'R';
    } catch (const Error&) {
      return false;
    }
  }

  SharedCount answered_;
  UniqueFd ended_;  // its other end is closed when the child ends
  pid_t pid_ = -1;
};

}  // namespace

std::set<int32_t> ForkProber::FindSilent(std::span<const int32_t> pids, Question question,
                                         milliseconds patience) {
  std::set<int32_t> silent;
  const bool is_short = patience <= kShortPatience;
  std::chrono::nanoseconds patient_time = kMaxPatient * patience + short_time_;
  TimeLeft time(is_short ? &short_left_ : &patient_time, /*counts_answers=*/is_short);
  while (!pids.empty() && !time.is_over()) {
    Child child(root_, pids, question);
    if (silent.size() >= kMaxPatient) patience = std::min(patience, kShortPatience);
    const std::optional<size_t> before = child.WaitForSilence(patience, &time, interrupted_);
    if (!before) {
      time.EndStep(/*answered=*/true);
      return silent;
    }
    const size_t answered = child.End();
    time.EndStep(/*answered=*/false);
    pids = pids.subspan(answered);
    if (pids.empty() || answered != *before) continue;  // the answer came just now
    silent.insert(pids.front());
    pids = pids.subspan(1);
  }
  silent.insert(pids.begin(), pids.end());
  return silent;
}

}  // namespace pagesnap
