// Which processes of a snapshot were forked by another one and did not execute a program since.
#ifndef LIB_QUERY_CHANGE_FORKED_PROCESSES_H_
#define LIB_QUERY_CHANGE_FORKED_PROCESSES_H_

#include <cstdint>
#include <map>
#include <vector>

#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// Of a process and its parent, execve(2) would have put the stack and the vdso elsewhere: both have
// them at the same addresses, and run the same program. Without address space randomisation another
// run of the program has that, too: whoever compares pages has to look whether any is shared.
class ForkedProcesses {
 public:
  // Reads the rows of the snapshot. Throws Error.
  ForkedProcesses(SnapshotReader& reader, int64_t snapshot_id);

  struct Child {
    int64_t process_id = 0;
    int64_t parent_id = 0;                     // who has the parent's mappings
    std::vector<int64_t> older_siblings = {};  // forked before it, by the same parent
    std::vector<int64_t> younger_siblings = {};
    std::vector<int64_t> children = {};  // that it forked
    int64_t grandparent_id = 0;          // 0: none, or its program is another one
  };
  // By process id. Of siblings of either kind, and of children, 16 at most.
  [[nodiscard]] const std::vector<Child>& children() const { return children_; }

 private:
  void AddRelatives(const std::map<int64_t, std::vector<int64_t>>& by_parent);

  std::vector<Child> children_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_CHANGE_FORKED_PROCESSES_H_
