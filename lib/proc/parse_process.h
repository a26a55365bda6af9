// /proc/PID/stat, status, cmdline and cgroup (proc_pid_stat(5) and its neighbours).
#ifndef LIB_PROC_PARSE_PROCESS_H_
#define LIB_PROC_PARSE_PROCESS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pagesnap {

struct ProcessStat {
  int32_t pid = 0;
  // comm, as the kernel writes it: at most 15 bytes, 63 for kernel threads (proc_task_name() in
  // fs/proc/array.c); may hold blanks and parentheses.
  std::string name;
  char state = '?';  // R, S, D, T, t, Z, ...
  int32_t ppid = 0;
  bool kernel_thread = false;  // PF_KTHREAD
  bool exiting = false;        // PF_EXITING: its memory may be gone, though it is no zombie yet
  int64_t thread_count = 0;
  uint64_t start_time_ticks = 0;  // clock ticks after boot; with the pid it names a process
};

// Reads the text of /proc/PID/stat. Throws Error that says which field is wrong and quotes the
// line.
ProcessStat ParseProcessStat(std::string_view text);

// Returns the real user id from the text of /proc/PID/status. Throws Error when there is none.
uint32_t ParseStatusUid(std::string_view text);

// Returns the arguments of /proc/PID/cmdline (NUL-separated there) as one line, separated by
// blanks. Control characters within arguments become blanks too. Kernel threads have none: "".
std::string ParseCmdline(std::string_view text);

// Returns the path of the memory cgroup from the text of /proc/PID/cgroup: of the v1 memory
// hierarchy where there is one, else of the v2 hierarchy, else "". As the kernel writes it: from
// the root of the reader's cgroup namespace, with " (deleted)" behind that of a removed cgroup.
std::string ParseMemoryCgroup(std::string_view text);

// Where a process is in one hierarchy of cgroups.
struct CgroupMembership {
  std::string hierarchy;  // "cpu,cpuacct" or "name=systemd"; empty for version 2
  std::string path;
};

// Returns the lines of /proc/PID/cgroup.
std::vector<CgroupMembership> ParseCgroups(std::string_view text);

}  // namespace pagesnap

#endif  // LIB_PROC_PARSE_PROCESS_H_
