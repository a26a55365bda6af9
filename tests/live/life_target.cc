// The processes that captures are tested on: each does one thing that is hard to look at, without
// end, and counts its rounds in a file that the test maps too.
//   life_target COUNTER-FILE MODE [NUMBER]
// It prints "ready" when it has what it is to have.
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
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
#include <cstring>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr size_t kPage = 4096;
constexpr size_t kMib = size_t{1} << 20;

std::atomic<uint64_t>* counter = nullptr;
char** arguments = nullptr;

void Pause(int microseconds) { usleep(static_cast<useconds_t>(microseconds)); }

char* Map(size_t bytes, int protection = PROT_READ | PROT_WRITE) {
  void* memory =
      mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    perror("life_target: mmap");
    exit(1);
  }
  madvise(memory, bytes, MADV_NOHUGEPAGE);
  return static_cast<char*>(memory);
}

char* Touched(size_t bytes) {
  char* memory = Map(bytes);
  for (size_t i = 0; i < bytes; i += kPage) memory[i] = 1;
  return memory;
}

void Ready() {
  puts("ready");
  fflush(stdout);
}

// Holds NUMBER MiB and counts.
void Count(size_t number) {
  Touched(number * kMib);
  Ready();
  for (;; Pause(200)) ++*counter;
}

// Holds NUMBER MiB whose frames lie nowhere side by side, and counts.
void Scattered(size_t number) {
  char* memory = Touched(number * kMib);
  std::vector<char*> pages;
  for (size_t at = 0; at < number * kMib; at += kPage) pages.push_back(memory + at);
  std::mt19937 random(1);
  // What was given back last is taken first, so it is given back in another order.
  std::shuffle(pages.begin(), pages.end(), random);
  for (char* page : pages) madvise(page, kPage, MADV_DONTNEED);
  std::shuffle(pages.begin(), pages.end(), random);
  for (char* page : pages) *page = 1;
  Ready();
  for (;; Pause(200)) ++*counter;
}

// Starts threads that end at once, from two threads.
void Threads(size_t) {
  Ready();
  auto spawn = [] {
    for (;;) {
      std::thread([] { ++*counter; }).join();
    }
  };
  std::thread other(spawn);
  spawn();
}

// Starts a thread every 200 microseconds, each of which counts for 20 milliseconds.
void Spawn(size_t) {
  Ready();
  for (;; Pause(200)) {
    std::thread([] {
      for (int i = 0; i < 20; ++i, Pause(1000)) ++*counter;
    }).detach();
  }
}

// The first thread ends, the process lives on.
void Leaderless(size_t) {
  std::thread([] {
    Pause(20000);
    Ready();
    for (;; Pause(200)) ++*counter;
  }).detach();
  pthread_exit(nullptr);
}

// Gives pages of 4 MiB back and takes them again, beside NUMBER MiB that stand still. Prints the
// address of the former.
void Busy(size_t number) {
  // Of equal permissions, the two could become one mapping.
  mprotect(Touched(number * kMib), number * kMib, PROT_READ);
  char* memory = Touched(4 * kMib);
  printf("%zx\n", reinterpret_cast<size_t>(memory));
  Ready();
  std::mt19937 random(1);
  for (;; ++*counter) {
    char* page = memory + random() % (4 * kMib / kPage) * kPage;
    madvise(page, kPage, MADV_DONTNEED);
    if (random() % 2 == 0) *page = 1;
  }
}

// Maps and unmaps.
void Storm(size_t) {
  Ready();
  std::mt19937 random(1);
  std::map<char*, size_t> areas;
  for (;; ++*counter) {
    const size_t bytes = (1 + random() % 64) * kPage;
    char* memory = Touched(bytes);
    if (random() % 2 == 0) mprotect(memory + bytes / 2 / kPage * kPage, kPage, PROT_READ);
    areas[memory] = bytes;
    if (areas.size() < 200) continue;
    auto victim = areas.begin();
    std::advance(victim, random() % areas.size());
    munmap(victim->first, victim->second);
    areas.erase(victim);
  }
}

// Replaces itself by itself, again and again.
void Exec(size_t number) {
  Touched(number * kMib);
  ++*counter;
  if (*counter == 1) Ready();
  Pause(2000);
  execv("/proc/self/exe", arguments);
}

// Starts a thread and leaves it alone.
void Idle(void* (*run)(void*) = [](void*) -> void* {
  for (;;) pause();
}) {
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  pthread_t thread;
  if (pthread_create(&thread, &small, run, nullptr) != 0) {
    perror("life_target: pthread_create");
    exit(1);
  }
}

// Has NUMBER idle threads, and counts.
void IdleThreads(size_t number) {
  for (size_t i = 0; i < number; ++i) Idle();
  Ready();
  for (;; Pause(200)) ++*counter;
}

// Replaces itself by itself, from the last of NUMBER + 2 threads.
void ExecLast(size_t number) {
  ++*counter;
  for (size_t i = 0; i < number; ++i) Idle();
  if (*counter == 1) Ready();
  Idle([](void*) -> void* {
    Pause(2000);
    execv("/proc/self/exe", arguments);
    return nullptr;
  });
  for (;;) pause();
}

// Sleeps uninterruptibly for NUMBER milliseconds, again and again.
void Vfork(size_t number) {
  Ready();
  for (;; ++*counter) {
    const pid_t child = vfork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      Pause(static_cast<int>(number) * 1000);
      _exit(0);
    }
    waitpid(child, nullptr, 0);
  }
}

// Holds NUMBER MiB and has a child that shares its memory and counts; prints its pid.
void Share(size_t number) {
  Touched(number * kMib);
  constexpr size_t kStackBytes = 65536;
  auto run = [](void*) -> int {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;; ++*counter) Pause(1);
  };
  const int flags = CLONE_VM | SIGCHLD;
  const pid_t child = clone(run, Map(kStackBytes) + kStackBytes, flags, nullptr);
  printf("%d\n", child);
  Ready();
  for (;;) pause();
}

// Is inside the kernel for NUMBER seconds at a time: maps the zero page over some GiB of addresses,
// as many as this machine does in that time, and gives it back.
void Populate(size_t number) {
  constexpr int kPopulateRead = 22;  // MADV_POPULATE_READ (5.14)
  constexpr size_t kMost = size_t{16} << 30;
  constexpr size_t kProbe = size_t{256} << 20;
  char* memory = Map(kMost, PROT_READ);
  const auto populate = [memory](size_t bytes) {
    if (madvise(memory, bytes, kPopulateRead) != 0) perror("life_target: MADV_POPULATE_READ");
    madvise(memory, bytes, MADV_DONTNEED);
  };
  const auto start = std::chrono::steady_clock::now();
  populate(kProbe);
  const std::chrono::duration<double> probe = std::chrono::steady_clock::now() - start;
  const double probes = static_cast<double>(number) / std::max(probe.count(), 1e-6);
  const size_t bytes = std::min(kMost, kProbe * static_cast<size_t>(std::max(probes, 1.0)));
  Ready();
  for (;; ++*counter) populate(bytes);
}

// Has NUMBER children that do nothing, prints their pids, and counts.
void Crowd(size_t number) {
  for (size_t i = 0; i < number; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) pause();
    }
    printf("%d ", child);
  }
  puts("");
  Ready();
  for (;; Pause(1000)) ++*counter;
}

// Has a child with NUMBER MiB, prints its pid, kills it once it is stopped by a tracer, and prints
// how many milliseconds later it learns that it has ended. Fails when that are more than 100.
void Killed(size_t number) {
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    Touched(number * kMib);
    for (;;) pause();
  }
  printf("%d\n", child);
  Ready();
  const std::string path = "/proc/" + std::to_string(child) + "/stat";
  for (char state = 'R'; state != 't'; Pause(200)) {
    char text[512] = "";
    const int fd = open(path.c_str(), O_RDONLY);
    static_cast<void>(!read(fd, text, sizeof text - 1));
    close(fd);
    const char* end = strrchr(text, ')');
    state = end == nullptr ? '?' : end[2];
  }
  kill(child, SIGKILL);
  const auto start = std::chrono::steady_clock::now();
  waitpid(child, nullptr, 0);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
  printf("%d\n", static_cast<int>(took.count()));
  fflush(stdout);
  _exit(took.count() > 100 ? 1 : 0);
}

// Counts the signals that it gets.
void Signals(size_t) {
  signal(SIGRTMIN, [](int) { ++*counter; });
  Ready();
  for (;;) pause();
}

// Has children that end soon: NUMBER in all, then it counts alone.
void Fork(size_t number) {
  Ready();
  for (size_t i = 0; i < number; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      Touched(16 * kPage);
      Pause(3000);
      _exit(0);
    }
    if (child > 0) ++*counter;
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
  for (;; Pause(1000)) ++*counter;
}

// NUMBER mappings of a page each.
void Mappings(size_t number) {
  char* memory = Map(number * kPage);
  for (size_t i = 0; i < number; ++i) {
    memory[i * kPage] = 1;
    if (i % 2 == 1) mprotect(memory + i * kPage, kPage, PROT_READ);
  }
  Ready();
  for (;; Pause(1000)) ++*counter;
}

// 1 TiB of addresses, NUMBER pages of them touched.
void Reserve(size_t number) {
  const size_t bytes = size_t{1} << 40;
  char* memory = Map(bytes);
  for (size_t i = 0; i < number; ++i) memory[bytes / number * i] = 1;
  Ready();
  for (;; Pause(1000)) ++*counter;
}

// Ends after NUMBER milliseconds.
void End(size_t number) {
  Touched(64 * kMib);
  Ready();
  Pause(static_cast<int>(number) * 1000);
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, std::function<void(size_t)>> modes = {{"count", Count},
                                                                    {"scattered", Scattered},
                                                                    {"threads", Threads},
                                                                    {"spawn", Spawn},
                                                                    {"leaderless", Leaderless},
                                                                    {"busy", Busy},
                                                                    {"storm", Storm},
                                                                    {"exec", Exec},
                                                                    {"execlast", ExecLast},
                                                                    {"vfork", Vfork},
                                                                    {"share", Share},
                                                                    {"populate", Populate},
                                                                    {"idle", IdleThreads},
                                                                    {"crowd", Crowd},
                                                                    {"signals", Signals},
                                                                    {"killed", Killed},
                                                                    {"fork", Fork},
                                                                    {"mappings", Mappings},
                                                                    {"reserve", Reserve},
                                                                    {"end", End}};
  if (argc < 3 || modes.count(argv[2]) == 0) return 2;
  arguments = argv;
  const int fd = open(argv[1], O_RDWR);
  void* shared = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (shared == MAP_FAILED) {
    perror(argv[1]);
    return 1;
  }
  close(fd);
  counter = static_cast<std::atomic<uint64_t>*>(shared);
  modes.at(argv[2])(argc > 3 ? strtoul(argv[3], nullptr, 10) : 0);
  return 0;
}
