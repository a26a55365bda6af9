#include "capture/select.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "capture/cgroups.h"
#include "lib/base/error.h"
#include "lib/base/interrupted.h"
#include "lib/base/number.h"
#include "lib/base/similar.h"
#include "lib/base/text.h"

namespace pagesnap {
namespace {

constexpr std::string_view kCgroupMount = "/sys/fs/cgroup";

bool NeedsSearch(const Selection& selection) {
  return selection.all || !selection.name_globs.empty() || !selection.tree_roots.empty() ||
         !selection.cgroups.empty();
}

// Reads stat of processes, but of none that does not answer.
class StatReader {
 public:
  // Asks the processes `pids`.
  StatReader(ProcReader& reader, const std::vector<int32_t>& pids, const Asking& asking)
      : reader_(reader), inquiry_(asking.inquiry) {
    if (inquiry_ == nullptr) return;
    inquiry_->Ask(pids, asking.patience);
    inquiry_->AskForStat(pids);
  }

  // Returns stat of one of them. Throws like ReadStat().
  ProcessStat Read(int32_t pid) {
    const bool has_stat = inquiry_ == nullptr || inquiry_->HasStat(pid);
    return has_stat ? ReadStat(reader_, pid) : ReadStatus(pid);
  }
  // Returns what else is known of one whose stat cannot be read: if need be, only its pid.
  ProcessStat ReadWithoutStat(int32_t pid) {
    try {
      return ReadStatus(pid);
    } catch (const Error&) {
      ProcessStat stat;
      stat.pid = pid;
      return stat;
    }
  }

 private:
  ProcessStat ReadStatus(int32_t pid) {
    return StatOfStatus(ReadWholeText(reader_, fmt::format("proc/{}/status", pid)));
  }

  ProcReader& reader_;
  Inquiry* const inquiry_;
};

// Returns stat of those processes that still exist.
std::vector<ProcessStat> ReadStats(ProcReader& reader, const std::vector<int32_t>& pids,
                                   const Asking& asking) {
  std::vector<ProcessStat> stats;
  StatReader stat_reader(reader, pids, asking);
  auto add_without_stat = [&](int32_t pid, const std::string& reason) {
    if (asking.unread_stat == nullptr) throw;
    asking.unread_stat->insert_or_assign(pid, reason);
    stats.push_back(stat_reader.ReadWithoutStat(pid));
  };
  for (int32_t pid : pids) {
    try {
      stats.push_back(stat_reader.Read(pid));
    } catch (const ReadError& error) {
      if (!error.process_gone()) add_without_stat(pid, error.reason());
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      add_without_stat(pid, error.what());
    }
  }
  return stats;
}

bool IsBelow(std::string_view path, std::string_view ancestor) {
  if (!path.starts_with(ancestor)) return false;
  // Out of the cgroup namespace, whose root is "/".
  if (ancestor == "/" && path.starts_with("/..")) return false;
  return path.size() == ancestor.size() || ancestor.ends_with('/') || path[ancestor.size()] == '/';
}

// A cgroup to capture.
struct WantedCgroup {
  std::string path;  // a name, a directory, or a path in /proc/PID/cgroup
  // The folder below /sys/fs/cgroup of the only hierarchy in which `path` is meant, as
  // IsMountedAt() has it; empty: as the path says.
  std::string folder = {};
};

// Replaces directories of the memory controller's hierarchy by the names that /proc/PID/cgroup has
// for these cgroups, which are others in a cgroup namespace, or a container.
std::vector<WantedCgroup> CgroupNames(ProcReader& reader, const std::vector<std::string>& given) {
  std::vector<WantedCgroup> cgroups;
  for (const std::string& path : given) cgroups.push_back({path});
  if (cgroups.empty()) return cgroups;
  try {
    const CgroupHierarchy hierarchy(reader);
    const std::string folder = "/" + hierarchy.folder();
    for (WantedCgroup& cgroup : cgroups) {
      if (hierarchy.folder().empty() || !IsBelow(cgroup.path, folder)) continue;
      const std::string path = cgroup.path.substr(folder.size());
      const std::string name = hierarchy.NameOf(path);
      if (folder != kCgroupMount) {
        cgroup = {name, "memory"};
      } else if (name != path) {
        cgroup = {name, "unified"};
      }
    }
  } catch (const ReadError&) {
    // Names are as good as it gets.
  }
  return cgroups;
}

// Returns whether a hierarchy is mounted at /sys/fs/cgroup/FOLDER, by the custom that everybody
// keeps: the folder has the names of its controllers, or is a link that has one of them.
bool IsMountedAt(std::string_view hierarchy, std::string_view folder) {
  if (hierarchy.empty()) return folder == "unified";  // version 2 beside version 1
  if (hierarchy.starts_with("name=")) return folder == hierarchy.substr(5);
  if (folder == hierarchy) return true;
  for (size_t begin = 0; begin < hierarchy.size();) {
    size_t end = std::min(hierarchy.find(',', begin), hierarchy.size());
    if (folder == hierarchy.substr(begin, end - begin)) return true;
    begin = end + 1;
  }
  return false;
}

// The cgroup is a path in a hierarchy, a directory below /sys/fs/cgroup, or the name of a
// directory.
bool MatchesCgroup(const CgroupMembership& membership, const WantedCgroup& wanted) {
  std::string_view cgroup = wanted.path;
  const std::string& path = membership.path;
  if (!wanted.folder.empty()) {
    return IsMountedAt(membership.hierarchy, wanted.folder) && IsBelow(path, cgroup);
  }
  while (cgroup.size() > 1 && cgroup.ends_with('/')) cgroup.remove_suffix(1);
  if (!cgroup.starts_with('/')) {
    return (path + "/").find(fmt::format("/{}/", cgroup)) != std::string::npos;
  }
  if (!IsBelow(cgroup, kCgroupMount)) return IsBelow(path, cgroup);
  std::string_view rest = cgroup.substr(kCgroupMount.size());
  if (rest.empty()) return true;
  if (membership.hierarchy.empty() && IsBelow(path, rest)) return true;
  // The others are mounted one folder further down.
  size_t slash = std::min(rest.find('/', 1), rest.size());
  return IsMountedAt(membership.hierarchy, rest.substr(1, slash - 1)) &&
         IsBelow(path, rest.substr(slash));
}

bool IsInCgroup(ProcReader& reader, int32_t pid, const std::vector<WantedCgroup>& cgroups) {
  if (cgroups.empty()) return false;
  try {
    std::string text = ReadWholeText(reader, fmt::format("proc/{}/cgroup", pid));
    for (const CgroupMembership& membership : ParseCgroups(text)) {
      for (const WantedCgroup& cgroup : cgroups) {
        if (MatchesCgroup(membership, cgroup)) return true;
      }
    }
  } catch (const Error&) {
    // It ended, or there are no cgroups.
  }
  return false;
}

// As "matches" of the reports: "[x]" is a name, though a GLOB of one letter, and so is what reports
// print of it.
bool HasName(const ProcessStat& stat, const std::string& glob) {
  return stat.name == glob || fnmatch(glob.c_str(), stat.name.c_str(), 0) == 0 ||
         (glob.find("\\x") != std::string::npos && Printable(stat.name) == glob);
}

// Reads stat of `pids`. Returns those that the selection's searches are for. The descendants of
// `members` are.
std::vector<ProcessStat> Search(const Selection& selection, const std::vector<int32_t>& pids,
                                std::set<int32_t> members, ProcReader& reader,
                                const Asking& asking) {
  std::vector<ProcessStat> stats = ReadStats(reader, pids, asking);
  const std::vector<WantedCgroup> cgroups = CgroupNames(reader, selection.cgroups);
  // A child may have a smaller pid than its parent, so generations are added until none is new.
  for (bool grown = true; grown;) {
    grown = false;
    for (const ProcessStat& stat : stats) {
      if (members.contains(stat.ppid)) grown |= members.insert(stat.pid).second;
    }
  }
  std::erase_if(stats, [&](const ProcessStat& stat) {
    const bool named = std::ranges::any_of(selection.name_globs,
                                           [&](const auto& glob) { return HasName(stat, glob); });
    const bool found = selection.all || named || members.contains(stat.pid) ||
                       IsInCgroup(reader, stat.pid, cgroups);
    // Without a name it is unknown whether the selection is for this one.
    if (!found && !stat.name.empty() && asking.unread_stat != nullptr) {
      asking.unread_stat->erase(stat.pid);
    }
    return !found;
  });
  return stats;
}

// Returns the process of a thread by its number, or the process with this pid. /proc/TID exists for
// each thread, though no listing has it.
int32_t ProcessOf(ProcReader& reader, int32_t pid) {
  try {
    const std::string status = ReadWholeText(reader, fmt::format("proc/{}/status", pid));
    const std::optional<uint64_t> process = ParseUnsigned(StatusField(status, "Tgid").value_or(""));
    if (process && *process > 0 && *process <= INT32_MAX) return static_cast<int32_t>(*process);
  } catch (const ReadError&) {
    // Who reads its stat says why.
  }
  return pid;
}

// Replaces the numbers of threads by their processes'.
void ReplaceThreads(ProcReader& reader, std::vector<int32_t>* pids,
                    std::map<int32_t, int32_t>* threads) {
  for (int32_t& pid : *pids) {
    const int32_t process = ProcessOf(reader, pid);
    if (process != pid) threads->emplace(pid, process);
    pid = process;
  }
}

void SortByPid(std::vector<ProcessStat>* stats) {
  auto by_pid = [](const ProcessStat& a, const ProcessStat& b) { return a.pid < b.pid; };
  auto same_pid = [](const ProcessStat& a, const ProcessStat& b) { return a.pid == b.pid; };
  std::stable_sort(stats->begin(), stats->end(), by_pid);
  stats->erase(std::unique(stats->begin(), stats->end(), same_pid), stats->end());
}

// A name space that was entered without a /proc of its own is an empty folder here.
void CheckMounted(ProcReader& reader) {
  if (ListPids(reader).empty()) {
    throw Error("/proc shows no process; mount it: mount -t proc proc /proc");
  }
}

[[noreturn]] void ThrowNothingFound(const Selection& selection, ProcReader& reader,
                                    const Asking& asking) {
  CheckMounted(reader);
  if (asking.unread_stat != nullptr && !asking.unread_stat->empty()) {
    const auto& [pid, reason] = *asking.unread_stat->begin();
    throw Error(
        fmt::format("no process was found, but /proc/{}/stat could not be read: {}", pid, reason));
  }
  if (!selection.cgroups.empty()) {
    throw Error(
        fmt::format("no process is in a cgroup '{}'; give its path, as in /proc/PID/cgroup, "
                    "or the name of its directory",
                    fmt::join(selection.cgroups, "', '")));
  }
  SimilarTexts similar(selection.name_globs.front());
  for (const ProcessStat& stat : ReadStats(reader, ListPids(reader), asking)) {
    if (!stat.name.empty()) similar.Add(stat.name);
  }
  throw Error(fmt::format("no process is named '{}', as it stands or as a GLOB{}",
                          fmt::join(selection.name_globs, "', '"), similar.ToText()));
}

}  // namespace

std::vector<int32_t> ListPids(ProcReader& reader) {
  std::vector<int32_t> pids;
  for (const DirectoryEntry& entry : reader.List("proc")) {
    std::optional<uint64_t> pid = ParseUnsigned(entry.name);
    if (pid && *pid <= INT32_MAX) pids.push_back(static_cast<int32_t>(*pid));
  }
  std::sort(pids.begin(), pids.end());
  return pids;
}

ProcessStat ReadStat(ProcReader& reader, int32_t pid) {
  return ParseProcessStat(ReadWholeText(reader, fmt::format("proc/{}/stat", pid)));
}

uint64_t ReadResidentPages(ProcReader& reader, int32_t pid) {
  std::string text = ReadWholeText(reader, fmt::format("proc/{}/statm", pid));
  size_t begin = text.find(' ') + 1;
  std::optional<uint64_t> pages =
      ParseUnsigned(std::string_view(text).substr(begin, text.find(' ', begin) - begin));
  if (!pages) throw Error(fmt::format("/proc/{}/statm cannot be understood", pid));
  return *pages;
}

SelectedProcesses SelectProcesses(const Selection& wanted, ProcReader& reader,
                                  const Asking& asking) {
  SelectedProcesses selected;
  Selection selection = wanted;
  ReplaceThreads(reader, &selection.pids, &selected.threads);
  ReplaceThreads(reader, &selection.tree_roots, &selected.threads);
  std::vector<int32_t> named = selection.pids;
  named.insert(named.end(), selection.tree_roots.begin(), selection.tree_roots.end());
  StatReader stat_reader(reader, named, asking);
  for (int32_t pid : named) {
    try {
      selected.processes.push_back(stat_reader.Read(pid));
    } catch (const ReadError& error) {
      if (!error.process_gone()) throw;
      CheckMounted(reader);
      throw Error(fmt::format("there is no process {}; nothing was captured", pid));
    }
    // Without this, each further snapshot of a series would have a process without memory.
    const ProcessStat& stat = selected.processes.back();
    if (stat.IsZombie()) {
      throw Error(
          fmt::format("there is no process {}: it has ended, and its parent has not waited "
                      "for it yet; nothing was captured",
                      pid));
    }
  }
  if (NeedsSearch(selection)) {
    selected.seen_pids = ListPids(reader);
    std::vector<ProcessStat> found =
        Search(selection, selected.seen_pids,
               {selection.tree_roots.begin(), selection.tree_roots.end()}, reader, asking);
    selected.processes.insert(selected.processes.end(), found.begin(), found.end());
  }
  if (selected.processes.empty()) ThrowNothingFound(selection, reader, asking);
  SortByPid(&selected.processes);
  return selected;
}

std::vector<ProcessStat> SelectStarted(const Selection& selection, const SelectedProcesses& before,
                                       ProcReader& reader, const Asking& asking) {
  if (!NeedsSearch(selection)) return {};
  std::vector<int32_t> pids = ListPids(reader);
  std::erase_if(pids, [&](int32_t pid) {
    return std::binary_search(before.seen_pids.begin(), before.seen_pids.end(), pid);
  });
  // Children of what was selected for its ancestors belong to the trees.
  std::set<int32_t> members;
  if (!selection.tree_roots.empty()) {
    for (const ProcessStat& stat : before.processes) members.insert(stat.pid);
  }
  return Search(selection, pids, std::move(members), reader, asking);
}

}  // namespace pagesnap
