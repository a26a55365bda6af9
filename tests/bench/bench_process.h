// The processes of the benchmark: targets made of a function, and programs whose run is measured.
#ifndef TESTS_BENCH_BENCH_PROCESS_H_
#define TESTS_BENCH_BENCH_PROCESS_H_

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace pagesnap {

// Forks; the kernel kills the child when the parent dies, by whatever death. Returns 0 in the
// child.
pid_t ForkTied();

// A forked process that prepares its memory and then waits. Killed at the end of this object, and
// by the kernel when the benchmark dies.
class Target {
 public:
  // `prepare` is called once, and the constructor returns when it is done; then `on_command` for
  // each Command(). With `forever`, that is called instead and never returns.
  explicit Target(const std::function<void()>& prepare,
                  const std::function<void()>& on_command = {},
                  const std::function<void()>& forever = {});
  ~Target();
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }

  // Returns when on_command has returned.
  void Command();

 private:
  void WaitForAnswer();

  pid_t pid_ = -1;
  UniqueFd channel_;
};

// Memory that the benchmark and the targets forked after it share; zero at first.
template <typename T>
class SharedMemory {
 public:
  SharedMemory() {
    void* place =
        mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) throw Error("no shared memory");
    value_ = new (place) T();
  }
  ~SharedMemory() { munmap(value_, sizeof(T)); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  T* operator->() const { return value_; }
  T& operator*() const { return *value_; }

 private:
  T* value_;
};

// In seconds. Where other programs want the cores too, wall says less than CPU.
struct RunTime {
  double wall;
  double cpu;  // of all threads, in user mode and in the kernel
};

// Runs a program with its output thrown away and returns how long that took. Throws Error unless
// it ends with one of the exit codes 0 and 3 (a capture with gaps).
RunTime TimeCommand(const std::vector<std::string>& argv);

// Seconds on a clock that only rises.
double Now();

// Seconds of CPU that `usage` amounts to.
double CpuSeconds(const rusage& usage);

}  // namespace pagesnap

#endif  // TESTS_BENCH_BENCH_PROCESS_H_
