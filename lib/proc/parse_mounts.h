// /proc/PID/mountinfo and /proc/sysvipc/shm (proc_pid_mountinfo(5), proc_sysvipc(5)).
#ifndef LIB_PROC_PARSE_MOUNTS_H_
#define LIB_PROC_PARSE_MOUNTS_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace pagesnap {

// One line of mountinfo; views into it.
struct MountLine {
  std::string_view root;  // the directory of the file system that is mounted, a blank as \040
  std::string_view mount_point;  // likewise
  uint32_t device_major = 0;     // of the file system: what maps shows for its files
  uint32_t device_minor = 0;
  std::string_view type;  // "ext4", "fuse.sshfs"
};

// Reads a line of mountinfo, without its newline. Returns nothing when it is none.
std::optional<MountLine> ParseMountLine(std::string_view line);

// Returns whether files of this type of file system lie on a disk of the machine, so that to open
// one asks no server, in the kernel or outside. Types that are not known do not, nor does overlay,
// whose layers can lie anywhere.
bool IsDiskFileSystem(std::string_view type);

// Returns whether files of this type have their blocks in memory, or in swap.
bool IsMemoryFileSystem(std::string_view type);

// A line of /proc/sysvipc/shm.
struct SharedSegment {
  uint64_t id = 0;
  bool removed = false;  // by shmctl(IPC_RMID): it is freed with its last user
};

// Reads a line, without its newline. Returns nothing for the heading, and when it is none.
std::optional<SharedSegment> ParseSegmentLine(std::string_view line);

}  // namespace pagesnap

#endif  // LIB_PROC_PARSE_MOUNTS_H_
