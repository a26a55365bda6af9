// The rows of the low-volume tables, as the capture engine hands them to SnapshotWriter. Members
// are named like the columns of schema/tables.sql, which documents them.
#ifndef LIB_STORE_SQLITE_FACTS_H_
#define LIB_STORE_SQLITE_FACTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "lib/kernel/map_count.h"
#include "lib/kernel/page_word.h"
#include "lib/kernel/release.h"

namespace pagesnap {

// The longest text that a reader takes. Kernels limit arguments to 6 MiB (fs/exec.c), but a process
// can have any of its memory shown as its own (PR_SET_MM in prctl(2)).
inline constexpr int kMaxTextBytes = 1 << 20;

// The system_fact of snapshots whose frame facts also say whether a folio goes on behind the last
// of its frames that a page refers to.
inline constexpr char kFolioEndsFact[] = "capture.folio_ends";

// How much of a kpage file could be read.
enum class SourceState { kRead, kPartly, kHidden, kMissing };
const char* SourceStateName(SourceState state);

struct SnapshotFacts {
  int64_t wall_time_ns = 0;
  int64_t boot_time_ns = 0;
  std::string host;
  std::string kernel_release;
  std::string kernel_version;
  std::string machine;
  std::string boot_id;
  uint64_t page_size = 4096;
  std::string tool_version;
  std::string options;
  bool pfn_visible = false;
  std::map<std::string, bool> kernel_options;  // others, by name; empty: unknown
  std::optional<SwapTypeConfig> swap_types;    // empty: the kernel's build options are unknown
  bool frozen = false;
  MapCountKind map_counts = MapCountKind::kUnknown;
};

struct ProcessFacts {
  int64_t pid = 0;
  int64_t ppid = 0;
  uint64_t start_time_ticks = 0;
  std::string name = {};
  std::optional<std::string> exe = std::nullopt;
  std::optional<std::string> cmdline = std::nullopt;     // cut
  std::optional<int64_t> cmdline_length = std::nullopt;  // bytes before it was cut
  std::optional<int64_t> uid = std::nullopt;
  std::string state = {};
  int64_t thread_count = 0;
  std::optional<std::string> cgroup = std::nullopt;
  bool kernel_thread = false;
  std::optional<int64_t> page_table_kib = std::nullopt;
};

struct MappingFacts {
  uint64_t first_page = 0;
  uint64_t page_count = 0;
  std::string perms;
  uint64_t offset = 0;
  std::string device;  // "8:1"
  uint64_t inode = 0;
  std::string path;                          // "" without file and name
  std::optional<std::string> vm_flags = {};  // empty: not read
};

// What distinguishes a file from others with its path, device or inode. Empty: unknown.
struct FileFacts {
  std::optional<int64_t> size = std::nullopt;
  std::optional<int64_t> mtime_ns = std::nullopt;
  std::string build_id = {};  // "": none, or unknown
  std::optional<int64_t> link_count = std::nullopt;
  // Of 512 bytes; only of a file without a name in shmem, tmpfs or hugetlbfs, of which what is in
  // no page table goes with the last process that has it.
  std::optional<int64_t> block_count = std::nullopt;

  friend bool operator==(const FileFacts&, const FileFacts&) = default;
};

struct Gap {
  std::optional<int64_t> process_id = std::nullopt;
  std::optional<int64_t> mapping_id = std::nullopt;
  std::string source = {};
  std::optional<int64_t> first = std::nullopt;
  std::optional<int64_t> count = std::nullopt;
  std::string reason = {};
};

struct Cost {
  std::string source = {};
  int64_t wall_ns = 0;
  int64_t call_count = 0;
  int64_t byte_count = 0;
  int64_t longest_ns = 0;
  std::optional<int64_t> user_ns = std::nullopt;
  std::optional<int64_t> system_ns = std::nullopt;
  std::optional<int64_t> peak_rss_kib = std::nullopt;
};

}  // namespace pagesnap

#endif  // LIB_STORE_SQLITE_FACTS_H_
