#include "tests/live/forked_service.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>

#include "lib/base/error.h"
#include "tests/live/live_testing.h"

namespace pagesnap {
namespace {

// What a process tells when it is done.
struct Ready {
  pid_t pid;
  uint64_t start;
  uint64_t new_start;
};

char* Map(char* address, uint64_t pages) {
  void* const memory =
      mmap(address, pages * kPageSize, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | (address != nullptr ? MAP_FIXED : 0), -1, 0);
  if (memory == MAP_FAILED) _exit(1);
  // Whether there are huge pages depends on the machine.
  madvise(memory, pages * kPageSize, MADV_NOHUGEPAGE);
  return static_cast<char*>(memory);
}

[[noreturn]] void TellAndStop(int pipe, const char* start, const char* new_start) {
  const Ready ready = {getpid(), reinterpret_cast<uint64_t>(start),
                       reinterpret_cast<uint64_t>(new_start)};
  static_cast<void>(!write(pipe, &ready, sizeof ready));
  for (;;) raise(SIGSTOP);
}

[[noreturn]] void Work(int pipe, char* start, char* place) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::memset(start, 2, ForkedService::kWrittenPages * kPageSize);
  constexpr uint64_t kKept = ForkedService::kParentPages - ForkedService::kDroppedPages;
  madvise(start + kKept * kPageSize, ForkedService::kDroppedPages * kPageSize, MADV_DONTNEED);
  char* const more = Map(place, ForkedService::kNewPages);
  std::memset(more, 3, ForkedService::kNewPages * kPageSize);
  TellAndStop(pipe, start, more);
}

[[noreturn]] void Serve(int pipe, const ForkedService::Options& options) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!options.cgroup.empty()) std::ofstream(options.cgroup + "/cgroup.procs") << getpid() << '\n';
  // With room around each, so that nothing is joined to it.
  const uint64_t all = ForkedService::kParentPages + ForkedService::kNewPages + 30;
  char* const room = static_cast<char*>(mmap(nullptr, all * kPageSize, PROT_NONE,
                                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  char* const start = Map(room + 10 * kPageSize, ForkedService::kParentPages);
  char* const place = start + (ForkedService::kParentPages + 10) * kPageSize;
  std::memset(start, 1, ForkedService::kParentPages * kPageSize);
  for (int i = 0; i < options.workers; ++i) {
    if (fork() == 0) Work(pipe, start, place);
  }
  std::memset(start + ForkedService::kParentFirst * kPageSize, 4,
              ForkedService::kParentWritten * kPageSize);
  TellAndStop(pipe, start, nullptr);
}

}  // namespace

ForkedService::ForkedService(const Options& options) {
  int ends[2];
  if (pipe(ends) != 0) throw Error("pipe failed");
  const pid_t parent = fork();
  if (parent == 0) {
    close(ends[0]);
    Serve(ends[1], options);
  }
  pids_ = {parent};
  close(ends[1]);
  Ready ready;
  for (int i = 0; i <= options.workers; ++i) {
    if (read(ends[0], &ready, sizeof ready) != sizeof ready) break;
    start_ = ready.start;
    if (ready.new_start != 0) new_start_ = ready.new_start;
    if (ready.pid != parent) pids_.push_back(ready.pid);
  }
  close(ends[0]);
  waitpid(parent, nullptr, WUNTRACED);
}

ForkedService::~ForkedService() {
  // Workers first: they are reaped by whoever takes orphans, so their end is seen by their files.
  for (size_t i = pids_.size(); i-- > 0;) kill(pids_[i], SIGKILL);
  waitpid(pids_.front(), nullptr, 0);
  for (const pid_t pid : pids_) {
    for (int tries = 0; tries < 500; ++tries) {
      std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
      std::string text;
      if (!std::getline(stat, text) || text.find(") Z") != std::string::npos) break;
      usleep(10'000);
    }
  }
}

}  // namespace pagesnap
