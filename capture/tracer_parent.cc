#include "capture/tracer_parent.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "capture/child_process.h"
#include "capture/monotonic.h"
#include "capture/tracer.h"
#include "lib/base/error.h"

namespace pagesnap {
namespace {

// To fork, or to wait for a process that was killed, takes some milliseconds.
constexpr int64_t kAnswerNs = 2'000'000'000;

enum class Command : uint32_t {
  kStart = 1,  // comes with a descriptor, which is the tracer's end of its socket
  kEnd = 2
};

// To kStart: the pid, or a negative errno value. To kEnd: the status of waitpid(2).
struct Answer {
  int32_t value;
};

[[noreturn]] void Fail() { _exit(1); }

// Receives a command and, for kStart, its descriptor; ends when capture has.
Command ReceiveCommand(int socket, UniqueFd* descriptor) {
  Command command = {};
  iovec data = {.iov_base = &command, .iov_len = sizeof command};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t size;
  do {
    size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size != static_cast<ssize_t>(sizeof command)) Fail();
  const cmsghdr* part = CMSG_FIRSTHDR(&message);
  if (part != nullptr && part->cmsg_type == SCM_RIGHTS) {
    int received;
    memcpy(&received, CMSG_DATA(part), sizeof received);
    descriptor->Reset(received);
  }
  return command;
}

// Sends a command with a descriptor; -1: without one. Returns false when nobody is there.
bool SendCommand(int socket, Command command, int descriptor) {
  iovec data = {.iov_base = &command, .iov_len = sizeof command};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(part), &descriptor, sizeof descriptor);
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) ==
         static_cast<ssize_t>(sizeof command);
}

int EndChild(pid_t child) {
  if (child <= 0) return 0;
  kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

[[noreturn]] void RunParent(UniqueFd socket, pid_t capture, const std::string& root,
                            int64_t limit_ns) {
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != capture) _exit(0);
  const int own = KeepOnly(std::move(socket));
  SetProcessName("capture-forker");
  // A page that has to be read again may lie on a file system that is served by a target.
  mlockall(MCL_CURRENT);
  const pid_t self = getpid();
  pid_t child = -1;
  for (;;) {
    UniqueFd tracer_socket;
    Answer answer = {};
    switch (ReceiveCommand(own, &tracer_socket)) {
      case Command::kStart:
        child = fork();
        if (child == 0) RunTracer(std::move(tracer_socket), self, root, limit_ns);
        answer.value = child < 0 ? -errno : child;
        break;
      case Command::kEnd:
        answer.value = EndChild(std::exchange(child, -1));
        break;
      default:
        Fail();
    }
    if (send(own, &answer, sizeof answer, MSG_NOSIGNAL) < 0) Fail();
  }
}

}  // namespace

TracerParent::TracerParent(const std::string& root, int64_t limit_ns) {
  const pid_t self = getpid();
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    throw Error("cannot make a socket for the process that freezes others: " + ErrnoText(errno));
  }
  socket_.Reset(ends[0]);
  UniqueFd other_end(ends[1]);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // the child keeps this
  pid_ = fork();
  if (pid_ == 0) {
    socket_.Reset();
    RunParent(std::move(other_end), self, root, limit_ns);
  }
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid_ < 0) {
    throw Error(fmt::format("cannot start the process that freezes others: {}; {}",
                            ErrnoText(error), kProcessLimitAdvice));
  }
}

TracerParent::~TracerParent() { Kill(); }

TracerParent::Tracer TracerParent::Start() {
  Tracer tracer;
  int ends[2];
  if (pid_ < 0) {
    tracer.problem = "the process that starts it (capture-forker) has ended; leave out --freeze";
  } else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    tracer.problem = ErrnoText(errno) + "; leave out --freeze";
  } else {
    tracer.socket.Reset(ends[0]);
    const UniqueFd other_end(ends[1]);
    Answer answer = {};
    if (!SendCommand(socket_.get(), Command::kStart, other_end.get()) ||
        !Receive(&answer, sizeof answer)) {
      Kill();
      tracer.problem =
          "the process that starts it (capture-forker) has ended or does not answer; leave out "
          "--freeze";
    } else if (answer.value < 0) {
      tracer.problem = fmt::format("{}; {}", ErrnoText(-answer.value), kProcessLimitAdvice);
    } else {
      tracer.pid = answer.value;
    }
  }
  return tracer;
}

std::optional<int> TracerParent::End() {
  Answer answer = {};
  if (pid_ >= 0 && SendCommand(socket_.get(), Command::kEnd, -1) &&
      Receive(&answer, sizeof answer)) {
    return answer.value;
  }
  Kill();
  return std::nullopt;
}

// Returns false when the process has ended or does not answer in time.
bool TracerParent::Receive(void* data, size_t size) {
  const int64_t deadline_ns = MonotonicNow() + kAnswerNs;
  for (;;) {
    const ssize_t done = recv(socket_.get(), data, size, MSG_DONTWAIT);
    if (done >= 0) return done == static_cast<ssize_t>(size);
    if (errno != EAGAIN && errno != EINTR) return false;
    const int64_t left_ms = (deadline_ns - MonotonicNow()) / 1'000'000;
    if (left_ms <= 0) return false;
    pollfd file = {.fd = socket_.get(), .events = POLLIN, .revents = 0};
    poll(&file, 1, static_cast<int>(left_ms));
  }
}

void TracerParent::Kill() {
  if (pid_ < 0) return;
  EndChild(std::exchange(pid_, -1));
  socket_.Reset();
}

}  // namespace pagesnap
