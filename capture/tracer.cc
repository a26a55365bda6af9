#include "capture/tracer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <span>
#include <system_error>
#include <vector>

#include "capture/child_process.h"
#include "capture/monotonic.h"
#include "capture/tracee_set.h"
#include "capture/tracer_protocol.h"
#include "lib/proc/directory_reader.h"

namespace pagesnap {
namespace {

constexpr int kSocket = kKeptDescriptor;
// SIGCHLD tells of threads that stop after their release. This is in case one is missed.
constexpr int64_t kStragglerLookNs = 50'000'000;

// Nothing but SIGKILL, SIGSTOP and the death of its parent ends or stops this process: all other
// signals are blocked already.
void Detach(pid_t parent) {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGUSR1);  // see SeizeWatch
  sigprocmask(SIG_UNBLOCK, &wanted, nullptr);
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kTracerFailed);
  // What capture was started with (nice) or will set (--nice) must not make targets wait.
  if (getpriority(PRIO_PROCESS, 0) > 0) setpriority(PRIO_PROCESS, 0, 0);
}

// Answers one request after the other. Never blocks, neither on the socket nor on a process, beyond
// what TraceeSet::Freeze() takes.
class Server {
 public:
  Server(const std::string& root, ProcReader& reader, int64_t limit_ns)
      : tracees_(root, reader, limit_ns, SayHung) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    signals_.Reset(signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC));
    fcntl(kSocket, F_SETFL, O_NONBLOCK);
  }

  void Run() {
    while (Wait() && Receive() && Send()) {
      tracees_.Reap();
      if (tracees_.has_stragglers()) tracees_.RetryStragglers();
      if (tracees_.release_ns() != 0 && MonotonicNow() >= tracees_.release_ns()) {
        tracees_.Release();
      }
      Answer();
    }
    tracees_.Release();
  }

 private:
  // The thread that answers hangs in the kernel, with nothing else in its socket.
  static void SayHung(pid_t pid) {
    const TracerReply reply = {.count = 0, .hung_pid = pid};
    send(kSocket, &reply, sizeof reply, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  // Waits until there is something to do.
  bool Wait() {
    int64_t wait_ns = -1;
    if (tracees_.has_stragglers()) wait_ns = kStragglerLookNs;
    if (tracees_.release_ns() != 0) {
      const int64_t left = std::max<int64_t>(tracees_.release_ns() - MonotonicNow(), 0);
      wait_ns = wait_ns < 0 ? left : std::min(wait_ns, left);
    }
    const timespec time = {.tv_sec = wait_ns / 1'000'000'000, .tv_nsec = wait_ns % 1'000'000'000};
    const int events = POLLIN | (sent_ < out_.size() ? POLLOUT : 0);
    pollfd files[] = {{.fd = kSocket, .events = static_cast<short>(events), .revents = 0},
                      {.fd = signals_.get(), .events = POLLIN, .revents = 0}};
    if (ppoll(files, 2, wait_ns < 0 ? nullptr : &time, nullptr) < 0) return errno == EINTR;
    signalfd_siginfo info;
    while (read(signals_.get(), &info, sizeof info) > 0) {
    }
    return true;
  }

  // Reads what there is. Returns false at the end of the socket.
  bool Receive() {
    for (;;) {
      char block[16384];
      const ssize_t size = recv(kSocket, block, sizeof block, 0);
      if (size < 0) return errno == EAGAIN || errno == EINTR;
      if (size == 0) return false;
      in_.insert(in_.end(), block, block + size);
      if (in_.size() > sizeof(TracerRequest) + kMaxTracedProcesses * sizeof(int32_t)) return false;
    }
  }

  bool Send() {
    while (sent_ < out_.size()) {
      const ssize_t size = send(kSocket, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
      if (size < 0) return errno == EAGAIN || errno == EINTR;
      sent_ += static_cast<size_t>(size);
    }
    return true;
  }

  // Answers a request once all of it is there.
  void Answer() {
    TracerRequest request;
    if (in_.size() < sizeof request) return;
    memcpy(&request, in_.data(), sizeof request);
    if (request.count > kMaxTracedProcesses) _exit(kTracerFailed);
    const size_t size = sizeof request + request.count * sizeof(int32_t);
    if (in_.size() < size) return;
    std::vector<int32_t> pids(request.count);
    if (!pids.empty()) memcpy(pids.data(), in_.data() + sizeof request, size - sizeof request);
    in_.erase(in_.begin(), in_.begin() + static_cast<ptrdiff_t>(size));
    std::vector<StopRecord> records;
    if (request.command == TracerCommand::kFreeze) {
      tracees_.Freeze(pids);
      for (const int32_t pid : pids) records.push_back(tracees_.RecordOf(pid));
    } else {
      tracees_.Release();
      records = tracees_.Records();
      tracees_.Forget();
    }
    SetAnswer(records);
    Send();
  }

  void SetAnswer(const std::vector<StopRecord>& records) {
    const TracerReply reply = {.count = static_cast<uint32_t>(records.size()), .hung_pid = 0};
    out_.resize(sizeof reply + records.size() * sizeof(StopRecord));
    memcpy(out_.data(), &reply, sizeof reply);
    if (!records.empty()) {
      memcpy(out_.data() + sizeof reply, records.data(), records.size() * sizeof(StopRecord));
    }
    sent_ = 0;
  }

  TraceeSet tracees_;
  UniqueFd signals_;
  std::vector<char> in_;
  std::vector<char> out_;
  size_t sent_ = 0;  // bytes of out_
};

}  // namespace

void RunTracer(UniqueFd socket, pid_t parent, const std::string& root, int64_t limit_ns) {
  try {
    Detach(parent);
    SetProcessName("capture-tracer");
    KeepOnly(std::move(socket));
    DirectoryReader reader(root);
    // A page of this program that has to be read again may lie on a file system that is served by
    // one of the targets.
    mlockall(MCL_CURRENT);
    if (chdir("/") != 0) _exit(kTracerFailed);
    Server(root, reader, limit_ns).Run();
  } catch (const std::system_error&) {
    _exit(kTracerNoThread);
  } catch (const std::exception&) {
    // No memory: the kernel releases all targets, and capture sees that this process has ended.
    _exit(kTracerFailed);
  }
  _exit(0);
}

}  // namespace pagesnap
