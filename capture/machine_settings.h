// Captures how the machine's memory management is set and what it has counted: what one compares
// before and after a change, and asks for in a bug report.
#ifndef CAPTURE_MACHINE_SETTINGS_H_
#define CAPTURE_MACHINE_SETTINGS_H_

#include <map>
#include <string>

#include "lib/codec/counters.h"
#include "lib/proc/reader.h"

namespace pagesnap {

struct MachineSettings {
  // By name: "vm.swappiness" and "kernel.numa_balancing" as in sysctl(8), "cmdline", others by
  // their place below /sys/kernel/mm or /sys/module: "transparent_hugepage.enabled",
  // "zswap.compressor". Of a file that shows all choices, [one] of them in brackets, that one.
  std::map<std::string, std::string> settings;
  // The lines of /proc/vmstat, and by their place, without "stats", what other files count:
  // "nr_free_pages", "ksm.pages_sharing", "transparent_hugepage.hugepages-64kB.swpout".
  Counters counters;
};

// Reads what of them this kernel has and the caller may read, names ascending; the rest is left
// out, and so are the counters of sizes of huge pages that are not in use. Reads about 150 small
// files, each of which the kernel answers from memory. Throws
// Interrupted.
MachineSettings ReadMachineSettings(ProcReader& reader);

}  // namespace pagesnap

#endif  // CAPTURE_MACHINE_SETTINGS_H_
