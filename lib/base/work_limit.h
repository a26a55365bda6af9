// How much CPU time a question about a file may take.
//
// CPU time, not time by the clock: a report whose output nobody reads for an hour has done no work.
// And not a count of steps: what a step costs differs by a factor of a thousand between a look-up
// and a long text, and only time is what the reader wants bounded. What is counted is the time of
// all threads of the process, so that a worker counts as much as the thread that waits for it.
#ifndef LIB_BASE_WORK_LIMIT_H_
#define LIB_BASE_WORK_LIMIT_H_

#include <cstdint>
#include <functional>
#include <string>

namespace pagesnap {

// The limit for files of up to kUnitFileBytes (memory_budget.h) in all; for larger ones it grows in
// proportion.
inline constexpr int64_t kWorkLimitNs = 50'000'000'000;
inline constexpr int64_t kNoWorkLimit = INT64_MAX;

// Returns the limit for files that take so many bytes on the disk.
int64_t WorkLimitFor(int64_t file_bytes);

class WorkLimit {
 public:
  // kProcess counts what all threads of the process do. kThread counts what the thread does that
  // asks: for the extension, whose host has threads of its own.
  enum class Clock { kProcess, kThread };

  // `cpu_ns`: from the first look on after it started over. `label` names the file in the message.
  WorkLimit(Clock clock, int64_t cpu_ns, std::string label);

  // Has the work end as well once `interrupted` returns true. It is called some times a second.
  void EndWhen(std::function<bool()> interrupted) { interrupted_ = std::move(interrupted); }
  // Lifts the limit; an interruption still ends the work.
  void Lift() { cpu_ns_ = kNoWorkLimit; }
  // Starts over: the work from now on counts.
  void Restart() {
    start_ns_ = kUnknown;
    over_ = false;
  }

  // Returns whether the work has to end. Takes some 10 ns: it looks at the CPU clock only when some
  // milliseconds have passed since it last did. For the thread that works.
  bool IsOver() noexcept;
  // Throws the LimitError that says so.
  [[noreturn]] void ThrowOver() const;

 private:
  static constexpr int64_t kUnknown = -1;

  [[nodiscard]] int64_t Now() const noexcept;

  Clock clock_;
  int64_t cpu_ns_;
  std::string label_;
  std::function<bool()> interrupted_;
  int64_t start_ns_ = kUnknown;
  int64_t last_look_ns_ = 0;
  bool over_ = false;
  bool was_interrupted_ = false;
};

// While it exists, the calling thread works under `limit`, which starts over. It is borrowed, and
// may be null or the one that is in force already: then nothing changes.
class WorkScope {
 public:
  explicit WorkScope(WorkLimit* limit);
  WorkScope(const WorkScope&) = delete;
  WorkScope& operator=(const WorkScope&) = delete;
  ~WorkScope();

 private:
  WorkLimit* before_;
};

// Returns the limit that the calling thread works under, or null.
WorkLimit* CurrentWork() noexcept;

// Throws LimitError if the calling thread's work has to end: to be called in every loop whose
// length a file decides. Worker threads have no limit; the thread that feeds them checks for them.
inline void CheckWork() {
  WorkLimit* const limit = CurrentWork();
  if (limit != nullptr && limit->IsOver()) limit->ThrowOver();
}

}  // namespace pagesnap

#endif  // LIB_BASE_WORK_LIMIT_H_
