#include "capture/cgroups.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "capture/optional_read.h"
#include "lib/codec/frame_columns.h"
#include "lib/proc/parse_mounts.h"
#include "lib/proc/parse_process.h"
#include "lib/proc/text.h"

namespace pagesnap {
namespace {

// The link of the namespace that the machine starts with (PROC_CGROUP_INIT_INO in
// include/linux/proc_ns.h).
constexpr std::string_view kInitialNamespace = "cgroup:[4026531835]";
constexpr std::string_view kStepOut = "..";

std::vector<std::string_view> Steps(std::string_view path) {
  std::vector<std::string_view> steps;
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    if (end > begin) steps.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return steps;
}

std::string Joined(const std::vector<std::string_view>& steps) {
  std::string path;
  for (const std::string_view step : steps) path.append("/").append(step);
  return path.empty() ? "/" : path;
}

// Throws ReadError when it cannot be told whether there is one.
std::string FindFolder(ProcReader& reader) {
  constexpr std::string_view kUnified = "sys/fs/cgroup";  // cgroup v2
  for (const std::string_view candidate : {std::string_view("sys/fs/cgroup/memory"), kUnified}) {
    try {
      if (std::ranges::any_of(reader.List(std::string(candidate)), [](const DirectoryEntry& entry) {
            return entry.name == "cgroup.procs";
          })) {
        return std::string(candidate);
      }
    } catch (const ReadError& error) {
      if (error.error_number() != ENOENT && candidate == kUnified) throw;
    }
  }
  return "";
}

}  // namespace

CgroupHierarchy::CgroupHierarchy(ProcReader& reader) : folder_(FindFolder(reader)) {
  if (!folder_.empty()) FindRoots(reader);
}

void CgroupHierarchy::FindRoots(ProcReader& reader) {
  const std::string mounts =
      OptionalRead([&] { return ReadWholeText(reader, "proc/self/mountinfo"); }).value_or("");
  std::optional<std::string> root;
  for (std::string_view text = mounts; !text.empty();) {
    const std::optional<MountLine> mount = ParseMountLine(TakeLine(&text));
    // The last one hides those before it.
    if (mount && mount->mount_point == "/" + folder_) root = mount->root;
  }
  if (!root) return;  // nothing is known: as if it were the whole
  mount_root_ = *root;
  const std::vector<std::string_view> steps = Steps(mount_root_);
  if (!steps.empty() && std::ranges::all_of(steps, [](auto step) { return step == kStepOut; })) {
    namespace_root_ = FindNamespaceRoot(reader, steps.size());
    return;
  }
  const std::string own =
      OptionalRead([&] { return reader.ReadLink("proc/self/ns/cgroup"); }).value_or("");
  is_part_ = !steps.empty() || (!own.empty() && own != kInitialNamespace);
}

// The root of the namespace is that many steps below the directory: where a process in it, as this
// one, is found again.
std::string CgroupHierarchy::FindNamespaceRoot(ProcReader& reader, size_t depth) const {
  const std::string cgroup = OptionalRead([&] {
                               return ParseMemoryCgroup(ReadWholeText(reader, "proc/self/cgroup"));
                             }).value_or("");
  const std::string self = OptionalRead([&] { return reader.ReadLink("proc/self"); }).value_or("");
  if (cgroup.empty() || cgroup.starts_with("/..") || self.empty()) return "";
  for (const std::string& candidate : Below(reader, "", depth)) {
    const std::string path = folder_ + candidate + (cgroup == "/" ? "" : cgroup) + "/cgroup.procs";
    const std::string text = OptionalRead([&] { return ReadWholeText(reader, path); }).value_or("");
    for (std::string_view pids = text; !pids.empty();) {
      if (TakeLine(&pids) == self) return candidate;
    }
  }
  return "";
}

std::vector<std::string> CgroupHierarchy::Below(ProcReader& reader, const std::string& path,
                                                size_t depth) const {
  if (depth == 0) return {path};
  std::vector<std::string> all;
  try {
    for (const DirectoryEntry& entry : reader.List(folder_ + path)) {
      if (!entry.is_directory || entry.name == ".") continue;
      std::vector<std::string> below = Below(reader, path + "/" + entry.name, depth - 1);
      all.insert(all.end(), std::make_move_iterator(below.begin()),
                 std::make_move_iterator(below.end()));
    }
  } catch (const ReadError&) {
    // It was just removed.
  }
  return all;
}

std::string CgroupHierarchy::NameOf(const std::string& path) const {
  std::vector<std::string_view> steps = Steps(path);
  if (namespace_root_.empty()) {
    std::vector<std::string_view> all = Steps(mount_root_);
    all.insert(all.end(), steps.begin(), steps.end());
    return Joined(all);
  }
  const std::vector<std::string_view> root = Steps(namespace_root_);
  const auto [from_root, from_path] = std::ranges::mismatch(root, steps);
  std::vector<std::string_view> name(static_cast<size_t>(root.end() - from_root), kStepOut);
  name.insert(name.end(), from_path, steps.end());
  return Joined(name);
}

bool IsInFrozenCgroup(ProcReader& reader, int32_t pid) {
  const std::string text = OptionalRead([&] {
                             return ReadWholeText(reader, fmt::format("proc/{}/cgroup", pid));
                           }).value_or("");
  auto has_line = [&](const std::string& path, std::string_view wanted) {
    const std::string lines =
        OptionalRead([&] { return ReadWholeText(reader, path); }).value_or("");
    for (std::string_view rest = lines; !rest.empty();) {
      if (TakeLine(&rest) == wanted) return true;
    }
    return false;
  };
  for (const auto& [hierarchy, path] : ParseCgroups(text)) {
    if (path.starts_with("/..")) continue;  // out of the namespace, and of what is mounted
    if (hierarchy.empty()) {
      for (const char* mount : {"sys/fs/cgroup", "sys/fs/cgroup/unified"}) {
        if (has_line(fmt::format("{}{}/cgroup.events", mount, path), "frozen 1")) return true;
      }
    } else if (hierarchy == "freezer" &&
               has_line(fmt::format("sys/fs/cgroup/freezer{}/freezer.state", path), "FROZEN")) {
      return true;
    }
  }
  return false;
}

void CaptureCgroups(ProcReader& reader, const std::set<uint64_t>& inodes, SnapshotWriter& writer,
                    GapRecorder& gaps) {
  const bool wanted = std::any_of(inodes.begin(), inodes.end(),
                                  [](uint64_t inode) { return inode != 0 && inode != kNotRead; });
  if (!wanted) return;
  std::optional<CgroupHierarchy> found;
  try {
    found.emplace(reader);
  } catch (const ReadError& error) {
    return gaps.Add({.source = "cgroupfs", .reason = error.what()});
  }
  const CgroupHierarchy& hierarchy = *found;
  // That it is not mounted, or not all of it, is how the machine is set up, and no gap.
  if (hierarchy.folder().empty() || hierarchy.is_part()) {
    writer.AddSystemFact("capture.cgroups", hierarchy.is_part() ? "part" : "unmounted");
  }
  if (hierarchy.folder().empty()) return;
  std::vector<std::string> pending = {""};
  while (!pending.empty()) {
    const std::string path = std::move(pending.back());
    pending.pop_back();
    std::vector<DirectoryEntry> entries;
    try {
      entries = reader.List(hierarchy.folder() + path);
    } catch (const ReadError& error) {
      if (error.error_number() == ENOENT) continue;  // just removed
      gaps.Add({.source = "cgroupfs", .reason = error.what()});
      continue;
    }
    for (const DirectoryEntry& entry : entries) {
      if (entry.name == ".") {
        if (inodes.contains(entry.inode)) writer.AddCgroup(entry.inode, hierarchy.NameOf(path));
      } else if (entry.is_directory) {
        pending.push_back(path + "/" + entry.name);
      }
    }
  }
}

}  // namespace pagesnap
