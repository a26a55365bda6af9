// Removes the hidden names of an output file although the process that gave them was killed.
#ifndef LIB_STORE_OUTPUT_NAME_GUARD_H_
#define LIB_STORE_OUTPUT_NAME_GUARD_H_

#include <sys/types.h>

#include <array>
#include <string>

#include "lib/base/unique_fd.h"
#include "lib/store/output/file_calls.h"

namespace pagesnap {

// A name in the output's folder that must not stay, and the files that may be found there. Fixed
// size: it is sent to another process.
struct HiddenName {
  std::array<char, 32> name = {};     // "": none
  std::array<char, 256> target = {};  // the name that a file may come from; "": none
  FileIdentity file;                  // ours, which is to get the target's name
  FileIdentity replaced;              // ours too, which had it before
  bool aside = false;                 // what had the target's name is moved here, to be replaced
};

// Returns an unpredictable name, `prefix` and 64 random bits in hexadecimal and `suffix`
// (getrandom(2)). Throws Error where the system has no random numbers.
std::string RandomName(const std::string& prefix, const std::string& suffix = "");

// Returns a hidden name for a file: ".pagesnap-" and 64 random bits.
HiddenName MakeHiddenName();

// Gives the file that has the hidden name the target's name, which it had before: from hidden.file,
// if that has it now, otherwise only if it is free. Where it is neither, the hidden name loses its
// dot, for whoever looks for the file, and the result is false. Safe in a forked child.
bool GiveBack(FileCalls& calls, int folder, const HiddenName& hidden);

// Removes the hidden name. A foreign file that has it took the target's name just before the two
// were exchanged, or before that was moved aside: GiveBack(), whose result is returned. Our file
// that was moved aside goes back, if the target's name is free. Any other of our files is removed.
// Safe in a forked child.
bool RemoveHidden(FileCalls& calls, int folder, const HiddenName& hidden);

// While it lives, a child process waits for the end of this one and then removes its hidden names.
// There is no other way: on a file system without O_TMPFILE a file has a name from the start, and
// linkat(2) refuses names that exist, so that a file without a name can replace another only under
// a hidden name first. The child creates the files itself, so there is no moment when one exists
// that it does not know. It survives signals to the process group and terminal of this process (own
// session, all signals blocked), and has no descriptor but the folder, the files and its socket.
class NameGuard {
 public:
  static constexpr size_t kSlotCount = 3;  // hidden names at one time

  // `folder` is borrowed. Forks: cheap only while the process is small. If fork(2) fails, as at a
  // limit of processes, only the destructor removes names.
  NameGuard(FileCalls& calls, int folder);
  NameGuard(const NameGuard&) = delete;
  NameGuard& operator=(const NameGuard&) = delete;
  // Removes the names that were not forgotten, and ends the child.
  ~NameGuard();

  // Creates a file of this name, which must not exist, and watches it. Returns its descriptor, or
  // an invalid one and sets errno.
  UniqueFd Create(size_t slot, HiddenName* hidden);
  // Watches the name from now on, whether a file has it yet or not. `fd` is that of hidden.file.
  void Watch(size_t slot, const HiddenName& hidden, int fd);
  // The name is gone; a file that has it now stays.
  void Forget(size_t slot);
  // Calls RemoveHidden() now, returns its result and forgets the name.
  bool Remove(size_t slot);

  [[nodiscard]] pid_t child() const { return child_; }  // -1: there is none

 private:
  int Ask(int operation, size_t slot, int fd, UniqueFd* received);

  FileCalls& calls_;
  int folder_;
  UniqueFd socket_;  // the child sees its end when this process dies
  pid_t child_ = -1;
  std::array<HiddenName, kSlotCount> slots_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_OUTPUT_NAME_GUARD_H_
