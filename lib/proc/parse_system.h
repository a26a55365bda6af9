// Files about the whole machine: swaps, zoneinfo, meminfo, vmstat, settings, auxv and the
// kernel's build options.
#ifndef LIB_PROC_PARSE_SYSTEM_H_
#define LIB_PROC_PARSE_SYSTEM_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pagesnap {

struct SwapArea {
  std::string path;  // as the kernel writes it, \040 for a blank
  std::string kind;  // "file" or "partition"
  uint64_t size_kib = 0;
  uint64_t used_kib = 0;
  int32_t priority = 0;
};

// Reads /proc/swaps (proc_swaps(5)). The lines are in the order of the swap types, but a type
// whose area was swapped off leaves no line. Throws Error that quotes a line it cannot read.
std::vector<SwapArea> ParseSwaps(std::string_view text);

// A range of PFNs that belongs to one zone of one NUMA node.
struct MemoryZone {
  int32_t node = 0;
  std::string name;  // "DMA32", "Normal"
  uint64_t start_pfn = 0;
  uint64_t spanned_pages = 0;  // the range, holes included
  uint64_t present_pages = 0;
  uint64_t managed_pages = 0;  // 0 before 3.8, which does not say
};

// Reads /proc/zoneinfo (proc_zoneinfo(5)). Zones that span nothing or have no memory are left out.
// Throws Error that quotes a line it cannot read, or names a zone without its figures.
std::vector<MemoryZone> ParseZoneinfo(std::string_view text);

// Returns the "name: value" lines of /proc/meminfo with the value's first word; the unit, kB,
// where there is one, is appended to the name as "_kib": {"MemTotal_kib", "24684084"}.
std::vector<std::pair<std::string, std::string>> ParseMeminfo(std::string_view text);

// Returns the names of users in a passwd file (passwd(5)) by their ids; of two with one id the
// first, as getpwuid(3) does. Lines that make no sense are left out.
std::map<uint32_t, std::string> ParsePasswd(std::string_view text);

// Returns what a file of the kernel counts: the whole of `text` is a number, maybe with a minus. Or
// nothing.
std::optional<int64_t> ParseCounter(std::string_view text);

// Returns the "name value" lines of /proc/vmstat (proc_vmstat(5)). Other lines are left out.
std::vector<std::pair<std::string, int64_t>> ParseVmstat(std::string_view text);

// Returns the choice of a setting: "madvise" of "always [madvise] never", as
// Documentation/admin-guide/mm/transhuge.rst describes; other text as it is.
std::string ChosenOf(std::string_view text);

// Returns the page size in bytes from the bytes of /proc/PID/auxv of a 64-bit process (AT_PAGESZ,
// getauxval(3)), or nothing when it is not there or no page size from 4 KiB to 1 MiB.
std::optional<uint64_t> ParseAuxvPageSize(std::string_view bytes);

// Options of a kernel's build, by name ("CONFIG_MIGRATION"), and whether it has them.
using KernelOptions = std::map<std::string, bool, std::less<>>;

// Sets each option in `options` to whether it is y or m in the text of a kernel build
// configuration. Goes over the text once: it has ten thousand lines.
void ReadOptions(std::string_view text, KernelOptions* options);

}  // namespace pagesnap

#endif  // LIB_PROC_PARSE_SYSTEM_H_
