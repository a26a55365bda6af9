// What live tests change on the machine, and change back however the test ends: swap, huge pages,
// cgroups; and the workload, whose memory is known. Tests that use the first two must not run at
// the same time (RUN_SERIAL in CMake): they are the machine's, not the process's.
//
// Where something cannot be had, reason() says why, for GTEST_SKIP.
#ifndef TESTS_SUPPORT_LIVE_MACHINE_H_
#define TESTS_SUPPORT_LIVE_MACHINE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/run_command.h"
#include "tests/support/smaps_oracle.h"

namespace pagesnap {

// Calls `action` once, at the end of this object or when this process dies, by whatever death: it
// is a forked process that does it. `action` returns false where it failed, and that is said.
// Make it before the change that it undoes.
class Undo {
 public:
  explicit Undo(const std::function<bool()>& action);
  ~Undo();
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;

 private:
  pid_t pid_ = -1;
  UniqueFd alive_;
};

// An active swap file of 64 MiB on a disk.
class SwapFile {
 public:
  SwapFile();
  [[nodiscard]] bool available() const { return reason_.empty(); }
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string Activate();

  std::string reason_;
  std::string path_;
  std::unique_ptr<Undo> undo_;
};

// `count` more 2 MiB pages in the kernel's pool of huge pages.
class HugetlbPool {
 public:
  explicit HugetlbPool(uint64_t count);
  [[nodiscard]] bool available() const { return reason_.empty(); }
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  std::string reason_;
  std::unique_ptr<Undo> undo_;
};

// A cgroup of its own that the memory controller is active in, of version 1 or 2.
class MemoryCgroup {
 public:
  // With `parent`, it is made in that one, which must outlive it and have no processes of its own.
  explicit MemoryCgroup(const MemoryCgroup* parent = nullptr);
  [[nodiscard]] bool available() const { return reason_.empty(); }
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] const std::string& directory() const { return directory_; }  // to ChildProcess
  [[nodiscard]] const std::string& path() const { return path_; }  // as in /proc/PID/cgroup
  [[nodiscard]] uint64_t inode() const { return inode_; }          // as in /proc/kpagecgroup

  // Moves a process in. What it has touched before stays charged to where it was.
  void Add(pid_t pid) const;

 private:
  std::string reason_;
  std::string directory_;
  std::string path_;
  uint64_t inode_ = 0;
  std::unique_ptr<Undo> undo_;
};

// What the workload says about one region of one of its processes; see samples/workload.cc.
struct WorkloadRegion {
  std::string name;
  std::string kind;
  pid_t pid = 0;
  uint64_t start = 0;
  uint64_t page_count = 0;
  std::vector<uint64_t> words;
  std::string skipped;  // why the machine has no such region; empty where it has
  std::optional<uint64_t> anon_huge_kib;
};

// A running samples/workload.
class Workload {
 public:
  explicit Workload(const std::vector<std::string>& options = {},
                    const std::string& cgroup_directory = "");

  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  [[nodiscard]] std::optional<pid_t> child_pid() const { return child_pid_; }
  [[nodiscard]] bool stable() const { return stable_; }
  [[nodiscard]] bool pfn_visible() const { return pfn_visible_; }
  [[nodiscard]] const std::vector<WorkloadRegion>& regions() const { return regions_; }
  // Returns the region of that name, of the parent or of the process `pid`; throws without one.
  [[nodiscard]] const WorkloadRegion& region(const std::string& name, pid_t pid = 0) const;

  // Stops both processes, as the kernel's accounting is exact only for what does not run.
  void Stop();
  void Continue();

  // Asks it to end, and returns its exit code.
  int End();

 private:
  ChildProcess process_;
  std::optional<pid_t> child_pid_;
  bool stable_ = false;
  bool pfn_visible_ = false;
  std::vector<WorkloadRegion> regions_;
};

}  // namespace pagesnap

#endif  // TESTS_SUPPORT_LIVE_MACHINE_H_
