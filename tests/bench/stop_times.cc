// How long processes are stopped, measured by themselves:
//   stop_times PROCESSES THREADS ROUNDS [CAPTURE OPTION...]
// Starts PROCESSES processes of THREADS threads each. Every thread looks at the clock again and
// again and remembers the longest time between two looks. ROUNDS times they are stopped: by the
// freezer alone (stopped, and let go at once) or, if a command is given, by CAPTURE OPTION... -p
// PIDS. Prints percentiles over all threads and rounds, and the same for rounds in which nobody
// stops them: a busy machine has gaps of its own.
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "capture/monotonic.h"
#include "capture/ptrace_freezer.h"

namespace {

using pagesnap::MonotonicNow;

constexpr std::chrono::seconds kLimit(10);
constexpr size_t kStackBytes = 65536;

struct Gap {
  std::atomic<int64_t> longest_ns;
  std::atomic<bool> running;
};

// What the targets and we share.
Gap* gaps = nullptr;
// Between two looks: as many threads as there are processors need no sleep, more would keep each
// other waiting.
int64_t nap_ns = 0;

[[noreturn]] void Look(Gap* gap) {
  gap->running = true;
  for (int64_t last = MonotonicNow();;) {
    if (nap_ns > 0) {
      const timespec nap = {.tv_sec = nap_ns / 1'000'000'000, .tv_nsec = nap_ns % 1'000'000'000};
      nanosleep(&nap, nullptr);
    }
    const int64_t now = MonotonicNow();
    if (now - last > gap->longest_ns) gap->longest_ns = now - last;
    last = now;
  }
}

void* LookInThread(void* gap) { Look(static_cast<Gap*>(gap)); }

[[noreturn]] void RunTarget(Gap* first, size_t threads) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_TIMERSLACK, 1);
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, kStackBytes);
  for (size_t i = 1; i < threads; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, &small, LookInThread, first + i) != 0) _exit(1);
  }
  Look(first);
}

// Prints percentiles of the longest gaps, less the sleep between two looks.
void Print(const char* what, std::vector<int64_t> longest) {
  std::sort(longest.begin(), longest.end());
  auto at = [&](double part) {
    const auto index = static_cast<size_t>(part * static_cast<double>(longest.size() - 1));
    return static_cast<double>(std::max<int64_t>(longest[index] - nap_ns, 0)) / 1e6;
  };
  fmt::print("{:10} p50 {:9.3f} ms   p99 {:9.3f} ms   max {:9.3f} ms\n", what, at(0.5), at(0.99),
             at(1));
}

// Calls `stop` once for each round and returns the longest gap of each thread in each round.
template <typename Stop>
std::vector<int64_t> Measure(size_t count, int rounds, const Stop& stop) {
  std::vector<int64_t> longest;
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < count; ++i) gaps[i].longest_ns = 0;
    stop();
    // Each of them looks at the clock once more.
    std::this_thread::sleep_for(std::chrono::nanoseconds(2 * nap_ns + 20'000'000));
    for (size_t i = 0; i < count; ++i) longest.push_back(gaps[i].longest_ns);
  }
  return longest;
}

std::vector<int32_t> StartTargets(size_t processes, size_t threads) {
  std::vector<int32_t> pids;
  for (size_t i = 0; i < processes; ++i) {
    const pid_t pid = fork();
    if (pid == 0) RunTarget(gaps + i * threads, threads);
    pids.push_back(pid);
  }
  for (size_t i = 0; i < processes * threads; ++i) {
    while (!gaps[i].running) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return pids;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    fmt::print(stderr, "usage: stop_times PROCESSES THREADS ROUNDS [CAPTURE OPTION...]\n");
    return 2;
  }
  const size_t processes = strtoul(argv[1], nullptr, 10);
  const size_t threads = strtoul(argv[2], nullptr, 10);
  const int rounds = std::atoi(argv[3]);
  const size_t count = processes * threads;
  if (count > std::thread::hardware_concurrency()) {
    nap_ns = std::max<int64_t>(1'000'000, static_cast<int64_t>(count) * 20'000);
  }
  pagesnap::PtraceFreezer freezer("/", kLimit);
  gaps = static_cast<Gap*>(mmap(nullptr, count * sizeof(Gap), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (gaps == MAP_FAILED) return 1;
  const std::vector<int32_t> pids = StartTargets(processes, threads);
  std::string command;
  for (int i = 4; i < argc; ++i) command += std::string(argv[i]) + " ";
  command += fmt::format("-p {} >/dev/null", fmt::join(pids, ","));
  std::vector<int64_t> recorded;
  const std::vector<int64_t> longest = Measure(count, rounds, [&] {
    if (argc > 4) {
      const int status = std::system(command.c_str());  // gcc 11 warns where it is only cast away
      static_cast<void>(status);
      return;
    }
    freezer.Freeze(pids);
    for (const auto& [pid, stop] : freezer.Thaw()) {
      recorded.push_back(stop.released_ns - stop.first_stop_ns);
    }
  });
  Print("stopped", longest);
  Print("not",
        Measure(count, rounds, [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }));
  if (!recorded.empty()) {
    nap_ns = 0;
    Print("recorded", recorded);
  }
  for (const int32_t pid : pids) kill(pid, SIGKILL);
  for (const int32_t pid : pids) waitpid(pid, nullptr, 0);
  return 0;
}
