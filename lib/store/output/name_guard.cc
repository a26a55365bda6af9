#include "lib/store/output/name_guard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <random>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

enum Operation : int { kCreate, kWatch, kForget };

struct Request {
  int operation;
  uint32_t slot;
  HiddenName hidden;
};

struct Reply {
  int error;  // an errno, 0: done
  FileIdentity file;
};

// A message of one struct, and room for one descriptor beside it.
class Message {
 public:
  Message(void* bytes, size_t size) : part_{.iov_base = bytes, .iov_len = size} {
    header_.msg_iov = &part_;
    header_.msg_iovlen = 1;
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  bool Send(int socket, int fd) {
    if (fd >= 0) {
      UseRoom();
      cmsghdr* control = CMSG_FIRSTHDR(&header_);
      control->cmsg_level = SOL_SOCKET;
      control->cmsg_type = SCM_RIGHTS;
      control->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(control), &fd, sizeof(fd));
    }
    ssize_t size;
    while ((size = sendmsg(socket, &header_, MSG_NOSIGNAL)) < 0 && errno == EINTR) {
    }
    return size == static_cast<ssize_t>(part_.iov_len);
  }

  // Returns false at the end of the other process. `fd` is -1 where no descriptor came.
  bool Receive(int socket, int* fd) {
    UseRoom();
    ssize_t size;
    while ((size = recvmsg(socket, &header_, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
    }
    *fd = -1;
    const cmsghdr* control = size > 0 ? CMSG_FIRSTHDR(&header_) : nullptr;
    if (control != nullptr && control->cmsg_type == SCM_RIGHTS) {
      std::memcpy(fd, CMSG_DATA(control), sizeof(*fd));
    }
    return size == static_cast<ssize_t>(part_.iov_len);
  }

 private:
  void UseRoom() {
    header_.msg_control = room_;
    header_.msg_controllen = sizeof(room_);
  }

  iovec part_;
  alignas(cmsghdr) char room_[CMSG_SPACE(sizeof(int))] = {};
  msghdr header_ = {};
};

int CreateFile(FileCalls& calls, int folder, HiddenName* hidden) {
  const int fd = calls.CreateNamed(folder, hidden->name.data());
  struct stat status;
  if (fd >= 0 && fstat(fd, &status) == 0) hidden->file = IdentityOf(status);
  return fd;
}

// How long the child waits for a file system that does not answer, with the parent and without it.
// Then a hidden file may stay.
constexpr unsigned kMaxAnswerSeconds = 30;
constexpr unsigned kMaxRemoveSeconds = 10;

// While it lives, SIGALRM ends this process after `seconds`, also in a call that only a fatal
// signal ends, as in one for a file whose FUSE server is stopped.
class TimeLimit {
 public:
  explicit TimeLimit(unsigned seconds) {
    signal(SIGALRM, SIG_DFL);
    SetBlocked(false);
    alarm(seconds);
  }
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;
  ~TimeLimit() {
    alarm(0);
    SetBlocked(true);
  }

 private:
  static void SetBlocked(bool blocked) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGALRM);
    sigprocmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &signals, nullptr);
  }
};

// The child, forked from a process that may have threads: only what is safe in a signal handler
// (signal-safety(7)), nothing allocated.
class Child {
 public:
  Child(FileCalls& calls, int folder, int socket)
      : calls_(calls), folder_(folder), socket_(socket) {}

  [[noreturn]] void Run() {
    // A signal to the process group of the parent, or from its terminal, is not for us.
    setsid();
    prctl(PR_SET_NAME, "pagesnap-guard");
    // What else is open belongs to the parent: a pipe would stay open, a file system busy.
    CloseAllBut(std::min(folder_, socket_), std::max(folder_, socket_));
    static_cast<void>(!chdir("/"));
    Request request;
    int fd = -1;
    while (Message(&request, sizeof(request)).Receive(socket_, &fd)) Answer(request, fd);
    const TimeLimit limit(kMaxRemoveSeconds);
    for (size_t slot = 0; slot < slots_.size(); ++slot) {
      if (slots_[slot].name[0] != 0) RemoveHidden(calls_, folder_, slots_[slot]);
    }
    _exit(0);
  }

 private:
  static void CloseAllBut(int low, int high) {
    CloseRange(0, low - 1);
    CloseRange(low + 1, high - 1);
    CloseRange(high + 1, INT32_MAX);
  }

  static void CloseRange(int first, int last) {
    if (first > last) return;
    if (syscall(SYS_close_range, first, last, 0) == 0) return;  // since 5.9
    rlimit limit = {};
    getrlimit(RLIMIT_NOFILE, &limit);
    constexpr rlim_t kMaxDescriptors = 1 << 16;
    const auto end = static_cast<int>(std::min(limit.rlim_cur, kMaxDescriptors));
    for (int fd = first; fd <= last && fd < end; ++fd) close(fd);
  }

  void Answer(const Request& request, int fd) {
    const TimeLimit limit(kMaxAnswerSeconds);
    const size_t slot = request.slot % slots_.size();
    slots_[slot] = request.hidden;
    if (request.operation == kCreate) fd = CreateFile(calls_, folder_, &slots_[slot]);
    Reply reply = {.error = 0, .file = slots_[slot].file};
    if (request.operation == kCreate && fd < 0) {
      reply.error = errno;
      slots_[slot] = {};
    }
    // The descriptor is kept: while it is open, no other file can get this inode.
    if (fds_[slot] >= 0) close(fds_[slot]);
    fds_[slot] = fd;
    Message(&reply, sizeof(reply)).Send(socket_, request.operation == kCreate ? fd : -1);
  }

  FileCalls& calls_;
  int folder_;
  int socket_;
  std::array<HiddenName, NameGuard::kSlotCount> slots_;
  std::array<int, NameGuard::kSlotCount> fds_ = {-1, -1, -1};
};

uint64_t RandomBits() {
  uint64_t bits = 0;
  if (getrandom(&bits, sizeof(bits), 0) == sizeof(bits)) return bits;
  try {
    std::random_device device;  // before 3.17, which has no getrandom(2)
    return uint64_t{device()} << 32 | device();
  } catch (const std::exception&) {
    throw Error("this system has no random numbers for the name of a temporary file");
  }
}

}  // namespace

std::string RandomName(const std::string& prefix, const std::string& suffix) {
  return fmt::format("{}{:016x}{}", prefix, RandomBits(), suffix);
}

HiddenName MakeHiddenName() {
  HiddenName hidden;
  const std::string name = RandomName(".pagesnap-");
  std::ranges::copy_n(name.begin(), std::min(name.size(), hidden.name.size() - 1),
                      hidden.name.begin());
  return hidden;
}

bool GiveBack(FileCalls& calls, int folder, const HiddenName& hidden) {
  const char* name = hidden.name.data();
  const char* target = hidden.target.data();
  struct stat status;
  auto has_ours = [&](const char* at) {
    return calls.Status(folder, at, &status) == 0 && IdentityOf(status) == hidden.file;
  };
  if (has_ours(target) && calls.Rename(folder, name, target, RENAME_EXCHANGE) == 0) {
    if (has_ours(name)) return true;
    // A third file replaced ours before the exchange, and is under the hidden name now.
  } else if (MoveToFreeName(calls, folder, name, target) == 0) {
    return true;
  }
  calls.Rename(folder, name, name + 1, 0);  // nobody can know this name
  return false;
}

bool RemoveHidden(FileCalls& calls, int folder, const HiddenName& hidden) {
  const char* name = hidden.name.data();
  const char* target = hidden.target.data();
  struct stat status;
  auto is_ours = [&] {
    return IdentityOf(status) == hidden.file ||
           (hidden.replaced.inode != 0 && IdentityOf(status) == hidden.replaced);
  };
  if (calls.Status(folder, name, &status) != 0) return true;
  bool given_back = true;
  if (!is_ours()) {
    if (*target == 0) return true;
    given_back = GiveBack(calls, folder, hidden);
  } else if (hidden.aside) {
    MoveToFreeName(calls, folder, name, target);
  }
  if (calls.Status(folder, name, &status) == 0 && is_ours()) calls.Unlink(folder, name);
  return given_back;
}

NameGuard::NameGuard(FileCalls& calls, int folder) : calls_(calls), folder_(folder) {
  int ends[2];
  // Packets: a message comes whole or not at all.
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return;
  socket_.Reset(ends[0]);
  const UniqueFd other_end(ends[1]);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // the child keeps this
  child_ = fork();
  if (child_ == 0) Child(calls, folder, other_end.get()).Run();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

NameGuard::~NameGuard() {
  socket_.Reset();
  while (child_ >= 0 && waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
  // If the child was killed, its work remains.
  for (const HiddenName& hidden : slots_) {
    if (hidden.name[0] != 0) RemoveHidden(calls_, folder_, hidden);
  }
}

// Returns the child's errno, or -1 when there is no child any more.
int NameGuard::Ask(int operation, size_t slot, int fd, UniqueFd* received) {
  if (child_ < 0) return -1;
  Request request = {
      .operation = operation, .slot = static_cast<uint32_t>(slot), .hidden = slots_[slot]};
  Reply reply = {};
  int reply_fd = -1;
  if (!Message(&request, sizeof(request)).Send(socket_.get(), fd) ||
      !Message(&reply, sizeof(reply)).Receive(socket_.get(), &reply_fd)) {
    return -1;
  }
  slots_[slot].file = reply.file;
  if (received != nullptr) received->Reset(reply_fd);
  return reply.error;
}

UniqueFd NameGuard::Create(size_t slot, HiddenName* hidden) {
  slots_[slot] = *hidden;
  UniqueFd fd;
  int error = Ask(kCreate, slot, -1, &fd);
  if (error < 0) {
    fd.Reset(CreateFile(calls_, folder_, &slots_[slot]));
    error = fd.valid() ? 0 : errno;
  }
  *hidden = slots_[slot];
  if (error != 0) slots_[slot] = {};
  errno = error;
  return fd;
}

void NameGuard::Watch(size_t slot, const HiddenName& hidden, int fd) {
  slots_[slot] = hidden;
  Ask(kWatch, slot, fd, nullptr);
}

void NameGuard::Forget(size_t slot) {
  slots_[slot] = {};
  Ask(kForget, slot, -1, nullptr);
}

bool NameGuard::Remove(size_t slot) {
  const bool result = RemoveHidden(calls_, folder_, slots_[slot]);
  Forget(slot);
  return result;
}

}  // namespace pagesnap
