// A small machine for tests in a few lines: declared processes, mappings, pages and frames become
// the files that a kernel would show of them.
#ifndef TESTS_SUPPORT_MACHINE_TREE_H_
#define TESTS_SUPPORT_MACHINE_TREE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/kernel/page_word.h"
#include "tests/support/fake_reader.h"

namespace pagesnap {

// Page words as the kernel writes them. `bits` are further bits of the word.
constexpr uint64_t Present(uint64_t pfn, uint64_t bits = 0) {
  return PageWord::kPresent | bits | pfn;
}
constexpr uint64_t Swapped(uint64_t type, uint64_t offset) {
  return PageWord::kSwap | offset << 5 | type;
}
// As 6.18 shows a guard page: the marker type and its own bit.
inline constexpr uint64_t kGuardPage = 0x440000000000009f;

// Returns `count` present words with consecutive PFNs.
std::vector<uint64_t> PresentRun(uint64_t first_pfn, uint64_t count, uint64_t bits = 0);

struct TreeMapping {
  uint64_t start = 0x10000;          // address
  std::vector<uint64_t> pages = {};  // page words from the first page on
  uint64_t page_count = 0;           // 0: as many as there are words
  std::string perms = "rw-p";
  uint64_t offset = 0;           // bytes into the file
  std::string device = "00:00";  // hexadecimal, as in maps
  uint64_t inode = 0;
  std::string path = {};
  std::string vm_flags = "rd wr mr mw me ac";
  std::vector<std::pair<std::string, uint64_t>> figures = {};  // of smaps, in KiB
};

struct TreeProcess {
  int32_t pid = 100;
  std::string name = "server";
  char state = 'S';
  int32_t ppid = 1;
  uint64_t start_time_ticks = 5000;
  int64_t thread_count = 1;
  uint64_t start_stack = 0x7ffc00001000;  // execve(2) changes it
  bool kernel_thread = false;
  uint32_t uid = 1000;
  std::string exe = "/usr/bin/server";
  std::string cmdline = std::string(
      "server\0--port\0"
      "80\0",
      17);
  std::string cgroup = "/";
  std::vector<TreeMapping> mappings = {};
};

struct TreeZone {
  int node = 0;
  std::string name = "Normal";
  uint64_t start_pfn = 0;
  uint64_t spanned = 0;
  uint64_t present = 0;
  uint64_t managed = 0;
  uint64_t per_cpu = 0;  // frames on the list of CPU 0
};

// Linux 6.18.5 on x86-64 with 4 KiB pages, 1 GiB of RAM in one zone, no swap, the memory controller
// at /sys/fs/cgroup, and PFNs that the reader may see; without any process but the reader's own.
class MachineTree {
 public:
  MachineTree();

  [[nodiscard]] FakeReader& reader() { return reader_; }

  // Processes that were added before are not written again: set these first.
  void SetRelease(const std::string& release);
  void SetPageSize(uint64_t bytes);

  void SetZones(const std::vector<TreeZone>& zones);
  // Lines of /proc/swaps without the heading: "/swap file 1024 12 -2".
  void SetSwaps(const std::vector<std::string>& lines);
  void AddCgroup(const std::string& path, uint64_t inode);

  void AddProcess(const TreeProcess& process);
  // Writes only stat anew: another process that got the pid.
  void SetStat(const TreeProcess& process);

  // Gives `count` frames from `first_pfn` on these flags, map count and cgroup inode.
  void AddFrames(uint64_t first_pfn, uint64_t count, uint64_t flags, uint64_t map_count,
                 uint64_t cgroup);

  // Makes the kernel write zero in place of PFNs in the reader's own pagemap.
  void HidePfns();

 private:
  FakeReader reader_;
  uint64_t page_size_ = 4096;
};

// Returns the text of /proc/PID/maps or smaps for the mappings.
std::string MapsText(const std::vector<TreeMapping>& mappings, uint64_t page_size);
std::string SmapsText(const std::vector<TreeMapping>& mappings, uint64_t page_size);

}  // namespace pagesnap

#endif  // TESTS_SUPPORT_MACHINE_TREE_H_
