// Parents and children of processes.
#ifndef LIB_QUERY_SCAN_FAMILY_H_
#define LIB_QUERY_SCAN_FAMILY_H_

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// The processes of a snapshot by who forked them. A parent is older than its children: a pid that
// was given to another process since is none.
class Family {
 public:
  Family() = default;
  // Throws Error.
  Family(SnapshotReader& reader, int64_t snapshot_id);

  // Returns the id of the parent here of a process that another snapshot may have: 0 without one.
  [[nodiscard]] int64_t ParentOf(const Family& others, int64_t process_id) const;
  // Returns the ids of the parent and the children of a process, kMaxRelatives at most.
  [[nodiscard]] std::vector<int64_t> RelativesOf(int64_t process_id) const;

  // What is kept of each takes some 40 KB while a range is compared.
  static constexpr size_t kMaxRelatives = 256;

 private:
  struct Process {
    int64_t pid = 0;
    int64_t ppid = 0;
    int64_t start_ticks = 0;  // after boot
  };

  std::unordered_map<int64_t, Process> processes_;              // by id
  std::unordered_map<int64_t, int64_t> by_pid_;                 // ids
  std::unordered_map<int64_t, std::vector<int64_t>> children_;  // ids, by the parent's pid
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_FAMILY_H_
