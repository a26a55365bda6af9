#include "capture/machine_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>

#include "capture/optional_read.h"
#include "lib/proc/parse_system.h"

namespace pagesnap {
namespace {

// Those of /proc/sys/vm that say how memory is managed (Documentation/admin-guide/sysctl/vm.rst).
// Not all that are there: to read stat_refresh makes every processor add up its counters.
constexpr const char* kVmSettings[] = {
    "admin_reserve_kbytes",
    "compact_unevictable_allowed",
    "compaction_proactiveness",
    "defrag_mode",
    "dirty_background_bytes",
    "dirty_background_ratio",
    "dirty_bytes",
    "dirty_expire_centisecs",
    "dirty_ratio",
    "dirty_writeback_centisecs",
    "enable_soft_offline",
    "extfrag_threshold",
    "hugetlb_optimize_vmemmap",
    "laptop_mode",
    "lowmem_reserve_ratio",
    "max_map_count",
    "memory_failure_early_kill",
    "memory_failure_recovery",
    "min_free_kbytes",
    "min_slab_ratio",
    "min_unmapped_ratio",
    "nr_hugepages",
    "nr_overcommit_hugepages",
    "numa_stat",
    "overcommit_kbytes",
    "overcommit_memory",
    "overcommit_ratio",
    "page-cluster",
    "panic_on_oom",
    "percpu_pagelist_high_fraction",
    "swappiness",
    "unprivileged_userfaultfd",
    "user_reserve_kbytes",
    "vfs_cache_pressure",
    "watermark_boost_factor",
    "watermark_scale_factor",
    "zone_reclaim_mode",
};

// Folders of settings and counters that are read as a whole, and how their names begin.
struct Folder {
  const char* path;
  const char* prefix;
};
constexpr Folder kFolders[] = {
    {"sys/kernel/mm/hugepages", "hugepages"},
    {"sys/kernel/mm/ksm", "ksm"},
    {"sys/kernel/mm/lru_gen", "lru_gen"},
    {"sys/kernel/mm/numa", "numa"},
    {"sys/kernel/mm/swap", "swap"},
    {"sys/kernel/mm/transparent_hugepage", "transparent_hugepage"},
    {"sys/module/zswap/parameters", "zswap"},
};
constexpr int kMaxDepth = 3;  // transparent_hugepage/hugepages-64kB/stats/swpout

// Files outside of a folder "stats" that count what has happened, or how much there is now.
constexpr std::string_view kCounters[] = {
    "free_hugepages",     "full_scans",       "general_profit",   "ksm_zero_pages",
    "pages_collapsed",    "pages_scanned",    "pages_shared",     "pages_sharing",
    "pages_skipped",      "pages_unshared",   "pages_volatile",   "resv_hugepages",
    "stable_node_chains", "stable_node_dups", "surplus_hugepages"};

// A setting is a number, a word or a list of choices; the command line has up to 4096 bytes
// (COMMAND_LINE_SIZE in arch/*/include/uapi/asm/setup.h).
constexpr size_t kMaxSettingSize = 4096;

class SettingsReader {
 public:
  explicit SettingsReader(ProcReader& reader) : reader_(reader) {}

  MachineSettings Read() {
    for (const char* name : kVmSettings) {
      AddLine(fmt::format("proc/sys/vm/{}", name), fmt::format("vm.{}", name));
    }
    AddLine("proc/sys/kernel/numa_balancing", "kernel.numa_balancing");
    AddLine("proc/cmdline", "cmdline");
    for (const Folder& folder : kFolders) AddFolder(folder.path, folder.prefix, kMaxDepth, false);
    if (const auto text = OptionalRead([&] { return ReadWholeText(reader_, "proc/vmstat"); })) {
      for (auto& [name, value] : ParseVmstat(*text)) counters_.insert_or_assign(name, value);
    }
    for (const auto& [name, value] : counters_) {
      found_.counters.names.push_back(name);
      found_.counters.values.push_back(value);
    }
    return std::move(found_);
  }

 private:
  std::optional<std::string> ReadLine(const std::string& path) {
    return OptionalLine(reader_, path, kMaxSettingSize);
  }

  void AddLine(const std::string& path, const std::string& name) {
    if (auto text = ReadLine(path)) found_.settings[name] = std::move(*text);
  }

  void AddChoice(const std::string& path, const std::string& name) {
    if (const auto text = ReadLine(path)) found_.settings[name] = ChosenOf(*text);
  }

  void AddCounter(const std::string& path, std::string name) {
    const auto text = ReadLine(path);
    if (!text) return;
    if (const auto value = ParseCounter(*text)) counters_.insert_or_assign(std::move(name), *value);
  }

  void AddFolder(const std::string& path, const std::string& prefix, int depth, bool counts) {
    const auto entries = OptionalRead([&] { return reader_.List(path); });
    if (!entries || depth == 0) return;
    bool has_stats = false;
    for (const DirectoryEntry& entry : *entries) {
      if (entry.name == ".") continue;
      const std::string entry_path = fmt::format("{}/{}", path, entry.name);
      std::string name = fmt::format("{}.{}", prefix, entry.name);
      if (entry.name == "stats") {
        has_stats = true;
      } else if (entry.is_directory) {
        AddFolder(entry_path, name, depth - 1, /*counts=*/false);
      } else if (counts || std::ranges::count(kCounters, entry.name) > 0) {
        AddCounter(entry_path, std::move(name));
      } else {
        AddChoice(entry_path, name);
      }
    }
    // Each takes 10 us: those of ten sizes that nobody gets would be half of a small capture.
    if (has_stats && IsSizeInUse(prefix)) {
      AddFolder(path + "/stats", prefix, depth - 1, /*counts=*/true);
    }
  }

  // Returns whether the kernel allocates huge pages of a size, by the settings of its folder.
  [[nodiscard]] bool IsSizeInUse(const std::string& prefix) const {
    return std::ranges::any_of(std::array{"enabled", "shmem_enabled"}, [&](const char* name) {
      const auto setting = found_.settings.find(fmt::format("{}.{}", prefix, name));
      return setting != found_.settings.end() && setting->second != "never";
    });
  }

  ProcReader& reader_;
  std::map<std::string, int64_t> counters_;
  MachineSettings found_;
};

}  // namespace

MachineSettings ReadMachineSettings(ProcReader& reader) { return SettingsReader(reader).Read(); }

}  // namespace pagesnap
