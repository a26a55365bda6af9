// A pager, as git has one.
#ifndef ANALYZE_PAGER_H_
#define ANALYZE_PAGER_H_

#include <string>

namespace pagesnap {

// Returns the command of the pager: PAGESNAP_PAGER, PAGER, or less. "" for none: where it is "" or
// "cat", where TERM is dumb, or where the program is not in PATH.
std::string FindPager();

// For as long as it exists, standard output is read by a pager, and standard error too if that is a
// terminal. At the end, and when a signal ends the program, the user may read on.
class Pager {
 public:
  // Runs `command` by the shell; "" runs nothing. less quits on output that fits, keeps colours and
  // leaves the screen as it is, unless LESS says otherwise. Throws Error when it cannot be started.
  explicit Pager(const std::string& command);
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;
  ~Pager();

 private:
  bool is_running_ = false;
};

}  // namespace pagesnap

#endif  // ANALYZE_PAGER_H_
