// The memory cgroups by their names.
#ifndef CAPTURE_CGROUPS_H_
#define CAPTURE_CGROUPS_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "capture/gap_recorder.h"
#include "lib/proc/reader.h"
#include "lib/store/write/snapshot_writer.h"

namespace pagesnap {

// The hierarchy that the memory controller is on, as it is mounted. A cgroup has one name, that of
// /proc/PID/cgroup: the path from the root of the cgroup namespace that the reader is in, with
// "/.." for each step out of it (cgroup_namespaces(7)). The mount can begin elsewhere: above that
// root when it is older than the namespace, below it when only a part was bound into a container.
class CgroupHierarchy {
 public:
  // Throws ReadError when it cannot be told whether one is mounted, and Interrupted.
  explicit CgroupHierarchy(ProcReader& reader);

  // Returns its directory; "": none is mounted at /sys/fs/cgroup.
  [[nodiscard]] const std::string& folder() const { return folder_; }
  // Returns the name of a cgroup by its path below the directory, "" for that itself.
  [[nodiscard]] std::string NameOf(const std::string& path) const;
  // Returns whether cgroups may exist that do not lie below the directory.
  [[nodiscard]] bool is_part() const { return is_part_; }

 private:
  void FindRoots(ProcReader& reader);
  [[nodiscard]] std::string FindNamespaceRoot(ProcReader& reader, size_t depth) const;
  [[nodiscard]] std::vector<std::string> Below(ProcReader& reader, const std::string& path,
                                               size_t depth) const;

  std::string folder_;
  std::string mount_root_ = "/";  // seen from the namespace, as mountinfo has it
  std::string namespace_root_;    // below the directory; "": not there, or the directory itself
  bool is_part_ = false;
};

// Returns whether the freezer of version 1 or 2 keeps a process's cgroup frozen; false where no
// hierarchy at /sys/fs/cgroup shows it. Its state is S or D then, as of one that sleeps. Throws
// Interrupted.
bool IsInFrozenCgroup(ProcReader& reader, int32_t pid);

// Adds the names of those memory cgroups whose inode is in `inodes`. A removed cgroup has none;
// that is not a gap.
void CaptureCgroups(ProcReader& reader, const std::set<uint64_t>& inodes, SnapshotWriter& writer,
                    GapRecorder& gaps);

}  // namespace pagesnap

#endif  // CAPTURE_CGROUPS_H_
