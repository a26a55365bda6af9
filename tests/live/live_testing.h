// What the live tests have in common: they run the built programs and read their answers.
#ifndef TESTS_LIVE_LIVE_TESTING_H_
#define TESTS_LIVE_LIVE_TESTING_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/live_machine.h"
#include "tests/support/run_command.h"

namespace pagesnap {

// Words of /proc/PID/pagemap by hand, so that a test agrees with the kernel and not with the
// library.
inline constexpr uint64_t kPageSize = 4096;
inline constexpr uint64_t kPfnMask = (uint64_t{1} << 55) - 1;
inline constexpr uint64_t kPresentBit = uint64_t{1} << 63;

// A directory that any user may write to, removed with all it holds however the test ends.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string File(const std::string& name) const { return path_ + "/" + name; }
  // Returns the names in it, hidden ones too.
  [[nodiscard]] std::vector<std::string> Names() const;

 private:
  std::string path_;
  std::unique_ptr<Undo> undo_;
};

// Returns why this user cannot see PFNs, or nothing where it can.
std::string WhyNoPfns();

CommandResult RunCapture(const std::vector<std::string>& arguments);
CommandResult RunAnalyze(const std::vector<std::string>& arguments);

// Runs a report with --format json and returns its rows. Throws Error when it fails.
nlohmann::json AnalyzeRows(const std::vector<std::string>& arguments);

// Captures processes into a new file; `file` must not exist. Throws Error unless the exit code is
// 0.
void CaptureProcesses(const std::vector<pid_t>& pids, const std::string& file);

// Fails the test for each invariant (tests/support/invariants.h) that does not hold of a file.
void ExpectInvariants(const std::string& file);

std::string JoinPids(const std::vector<pid_t>& pids);

// Captures stopped processes until each of their mappings has been seen with the figures, ours and
// the kernel's, that smaps had just before and just after, and `analyze check` was content. More
// than one attempt is needed only where other programs of the machine come and go meanwhile and so
// change how often the frames of shared libraries are mapped. capture itself is such a program: pss
// and uss of the libraries that it uses are compared with its own smaps reading only. Fails the
// test with a line for each mapping that never agreed.
void ExpectFiguresEqualSmaps(const std::vector<pid_t>& pids, const TemporaryDirectory& directory);

}  // namespace pagesnap

#endif  // TESTS_LIVE_LIVE_TESTING_H_
