#include "samples/workload_child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <exception>
#include <stdexcept>
#include <system_error>

namespace pagesnap {
namespace {

// Answers each byte on `request_fd` with the words of all regions, until the other end is closed.
void AnswerRequests(const std::vector<Region>& regions, int request_fd, int reply_fd) {
  char request;
  while (read(request_fd, &request, 1) == 1) {
    for (const Region& region : regions) {
      const std::vector<uint64_t> words = ReadPageWords(region);
      const size_t size = words.size() * sizeof(uint64_t);
      if (write(reply_fd, words.data(), size) != static_cast<ssize_t>(size)) return;
    }
  }
}

[[noreturn]] void RunChild(const std::vector<Region>& regions, pid_t parent, int request_fd,
                           int reply_fd) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);  // the parent died before prctl()
  try {
    const Region& copied = regions[0];
    const Region& shared = regions[1];
    for (size_t page = 0; page < copied.page_count / 2; ++page) WritePage(copied, page);
    // A fork does not copy the page tables of shared memory: each process maps its own.
    for (size_t page = 0; page < shared.page_count; ++page) ReadPage(shared, page);
    AnswerRequests(regions, request_fd, reply_fd);
  } catch (const std::exception&) {
    _exit(1);  // the parent sees the pipe close
  }
  _exit(0);
}

}  // namespace

WorkloadChild::WorkloadChild(const Region& copied, const Region& shared)
    : regions_({copied, shared}) {
  int request[2];
  int reply[2];
  if (pipe2(request, O_CLOEXEC) != 0 || pipe2(reply, O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::system_category(), "pipe2");
  }
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw std::system_error(errno, std::system_category(), "fork");
  if (pid_ == 0) {
    // Only so does the child see the end of the requests when the parent goes.
    close(request[1]);
    close(reply[0]);
    RunChild(regions_, parent, request[0], reply[1]);
  }
  close(request[0]);
  close(reply[1]);
  request_fd_ = request[1];
  reply_fd_ = reply[0];
}

WorkloadChild::~WorkloadChild() {
  close(request_fd_);
  close(reply_fd_);
  kill(pid_, SIGKILL);  // it may be stopped, and would not see the pipe close
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::vector<std::vector<uint64_t>> WorkloadChild::AskPageWords() {
  if (write(request_fd_, "r", 1) != 1) throw std::runtime_error("the child process has ended");
  std::vector<std::vector<uint64_t>> answers;
  for (const Region& region : regions_) {
    std::vector<uint64_t> words(region.page_count);
    char* target = reinterpret_cast<char*>(words.data());
    for (size_t left = words.size() * sizeof(uint64_t); left > 0;) {
      const ssize_t got = read(reply_fd_, target, left);
      if (got <= 0) throw std::runtime_error("the child process has ended");
      target += got;
      left -= static_cast<size_t>(got);
    }
    answers.push_back(std::move(words));
  }
  return answers;
}

}  // namespace pagesnap
