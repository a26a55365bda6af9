// Errors and exit codes that every part shares.
#ifndef LIB_BASE_ERROR_H_
#define LIB_BASE_ERROR_H_

#include <stdexcept>
#include <string>

namespace pagesnap {

// What capture and analyze return to the shell. README.md documents them for users.
enum ExitCode : int {
  kExitOk = 0,        // everything asked for was done
  kExitFailed = 1,    // nothing was written, or nothing could be read
  kExitUsage = 2,     // the command line is wrong
  kExitWithGaps = 3,  // done, but something is missing and was said
  kExitCondition = 4  // done, and what the user does not want (--fail-if) is so
};

// The work cannot go on. what() is one sentence for the user: it names the file or pid and, where
// there is one, the way out. Caught once, in main().
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The command line is wrong; main() exits with kExitUsage.
class UsageError : public Error {
 public:
  using Error::Error;
};

// A limit of memory or of work is reached (memory_budget.h, work_limit.h). No Error: who goes on
// without a damaged part of a file must not go on without this.
class LimitError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Returns the system's text for an errno value, such as "Permission denied". Thread-safe.
std::string ErrnoText(int error_number);
// The same for a file that is written, with the way out where it is known: a limit on the size of
// files, a full disk or quota.
std::string WriteErrorText(int error_number);

}  // namespace pagesnap

#endif  // LIB_BASE_ERROR_H_
