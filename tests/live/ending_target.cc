// A program that ends in a way of its own, with 32 MiB of memory:
//   ending_target return | _exit | thread | leaderless | exec | killed | SIGNAL
// "return" returns 3 from main, "_exit" ends so with 4, "thread" exits with 5 from one of several
// threads, "leaderless" ends its first thread long before the last one, which exits with 6; "exec"
// executes "return" from a thread, "killed" sends itself SIGKILL, and a number is a signal.
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

namespace {

constexpr size_t kBytes = size_t{32} << 20;
constexpr size_t kPage = 4096;

void Touch() {
  void* const memory =
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) _exit(100);
  for (size_t i = 0; i < kBytes; i += kPage) static_cast<volatile char*>(memory)[i] = 1;
}

void StartSleepers() {
  for (int i = 0; i < 4; ++i) {
    std::thread([] { std::this_thread::sleep_for(std::chrono::hours(1)); }).detach();
  }
}

void Sleep() { std::this_thread::sleep_for(std::chrono::milliseconds(100)); }

}  // namespace

int main(int argc, char** argv) {
  const std::string way = argc > 1 ? argv[1] : "";
  Touch();
  if (way == "return") return 3;
  if (way == "_exit") _exit(4);
  if (way == "thread") {
    StartSleepers();
    std::thread([] { _exit(5); }).join();
  }
  if (way == "leaderless") {
    std::thread([] {
      Sleep();
      _exit(6);
    }).detach();
    pthread_exit(nullptr);
  }
  if (way == "exec") {
    StartSleepers();
    std::thread([&] { execl(argv[0], argv[0], "return", nullptr); }).join();
  }
  raise(way == "killed" ? SIGKILL : std::atoi(way.c_str()));
  return 101;
}
