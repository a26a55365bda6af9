// /proc/PID/stat, status, cmdline and cgroup (proc_pid_stat(5) and its neighbours).
#ifndef LIB_PROC_PARSE_PROCESS_H_
#define LIB_PROC_PARSE_PROCESS_H_

#include <array>
#include <cstdint>
#include <optional>
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
  // Where code begins and ends and the stack began: execve(2) sets them, to random addresses or
  // those of another program, and nothing else does. 1, 1 and 0 without permission
  // (do_task_stat() in fs/proc/array.c); zero where an old kernel has no such fields, and for a
  // process on its way out.
  std::array<uint64_t, 3> image = {};

  // Returns whether the process, or the thread whose stat this is, has ended or is about to: it is
  // a zombie (Z), not even that any more (X), or on its way there without its memory. Of a process
  // this is said of its first thread: others may live on as long as thread_count is above 1.
  [[nodiscard]] bool HasEnded() const { return exiting || state == 'Z' || state == 'X'; }
  // Returns whether all of it has ended, and only its parent has not waited for it yet.
  [[nodiscard]] bool IsZombie() const { return state == 'Z' && thread_count <= 1; }
  // Returns whether the first thread has ended, and others live on.
  [[nodiscard]] bool FirstThreadEnded() const { return HasEnded() && thread_count > 1; }
};

// Reads the text of /proc/PID/stat. Throws Error that says which field is wrong and quotes the
// line.
ProcessStat ParseProcessStat(std::string_view text);

// Makes what it can of it from the text of /proc/PID/status: no start time, flags or image. Throws
// Error when a line is missing or cannot be read.
ProcessStat StatOfStatus(std::string_view text);

// What /proc/PID/status says beyond stat.
struct ProcessStatus {
  uint32_t uid = 0;       // the real user's
  uint64_t held_kib = 0;  // VmRSS and VmSwap, without hugetlb; 0 of a process without memory
  // VmPTE, page tables of all levels; empty: none, or a kernel before 2.6.10.
  std::optional<uint64_t> page_table_kib = std::nullopt;
};

// Reads the text of /proc/PID/status. Throws Error when it names no user.
ProcessStatus ParseProcessStatus(std::string_view text);

// Returns what follows "NAME:" in a text of such lines, as status, without the blanks before it;
// nothing when no line has this name.
std::optional<std::string_view> StatusField(std::string_view text, std::string_view name);

// Returns the arguments of /proc/PID/cmdline (NUL-separated there) as one line, separated by
// blanks. Control characters within arguments become blanks too, and blanks at the end are left
// out. Kernel threads have none: "".
std::string ParseCmdline(std::string_view text);

// Returns at most `max_bytes` of a text, cut between characters where it is UTF-8.
std::string_view CutText(std::string_view text, size_t max_bytes);

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
