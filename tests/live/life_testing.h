// What the tests of capture's life on a busy machine have in common: targets that run meanwhile,
// and captures that can be waited for with a limit.
#ifndef TESTS_LIVE_LIFE_TESTING_H_
#define TESTS_LIVE_LIFE_TESTING_H_

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/live/live_testing.h"

namespace pagesnap {

// A running life_target.
class LifeTarget {
 public:
  explicit LifeTarget(const std::string& mode, uint64_t number = 0);
  ~LifeTarget();
  LifeTarget(const LifeTarget&) = delete;
  LifeTarget& operator=(const LifeTarget&) = delete;

  [[nodiscard]] pid_t pid() const { return process_->pid(); }
  [[nodiscard]] std::string pid_text() const { return std::to_string(pid()); }
  // Rounds that it has gone up to now.
  [[nodiscard]] uint64_t count() const { return counter_->load(); }
  // Returns whether it goes on, given some seconds.
  [[nodiscard]] bool Runs() const;
  // What it printed before "ready".
  [[nodiscard]] const std::string& said() const { return said_; }
  ChildProcess& process() { return *process_; }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<ChildProcess> process_;
  std::atomic<uint64_t>* counter_ = nullptr;
  std::string said_;
};

// A program that runs beside the test. Its outputs go to files. Killed at the end of this object.
class Job {
 public:
  // `out_fd` replaces the file for standard output; borrowed.
  explicit Job(const std::vector<std::string>& argv, int out_fd = -1,
               const std::string& working_directory = "");
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  void Signal(int signal_number) const;
  // Returns its exit code (128 + the signal that ended it), or nothing when it goes on for longer
  // than `limit`.
  std::optional<int> Wait(std::chrono::milliseconds limit = std::chrono::seconds(30));
  [[nodiscard]] std::string out() const;
  [[nodiscard]] std::string err() const;
  // Largest resident set up to its end, in KiB.
  [[nodiscard]] int64_t peak_rss_kib() const { return peak_rss_kib_; }

 private:
  TemporaryDirectory directory_;
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
  int64_t peak_rss_kib_ = 0;
};

std::vector<std::string> CaptureCommand(const std::vector<std::string>& arguments);

std::string ReadFileText(const std::string& path);

// Third field of /proc/PID/stat: R, S, t, T, ...; '-' when there is no such process.
char StateOf(pid_t pid);

// Waits until `condition` holds. Returns false when it does not within `limit`.
bool Await(const std::function<bool()>& condition,
           std::chrono::milliseconds limit = std::chrono::seconds(10));

// Returns the rows of a query, as analyze prints them in JSON.
nlohmann::json QueryFile(const std::string& file, const std::string& sql);
// Returns the first column of the first row.
nlohmann::json QueryValue(const std::string& file, const std::string& sql);

// Expects that the file opens and that no test of `analyze check` finds it damaged: a live capture
// may differ from smaps.
void ExpectSound(const std::string& file);

}  // namespace pagesnap

#endif  // TESTS_LIVE_LIFE_TESTING_H_
