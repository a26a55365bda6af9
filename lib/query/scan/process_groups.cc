#include "lib/query/scan/process_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/work_limit.h"
#include "lib/query/scan/family.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {
namespace {

constexpr const char* kGroupByNames[] = {"process", "cgroup", "user", "name", "exe", "tree"};

using Label = std::optional<std::string>;

Label LabelOf(Statement& row, int column) {
  return row.IsNull(column) ? std::nullopt : std::optional(std::string(row.Text(column)));
}

// What tells to which tree a process belongs.
struct TreeProcess {
  int64_t parent = 0;  // its id; 0: it is not in the snapshot, or no ancestor
  bool is_init = false;
  bool kernel_thread = false;
  std::string name;
  Label exe;
  int64_t root = 0;  // 0: not found yet
};

// Finds the roots of the trees.
class TreeFinder {
 public:
  TreeFinder(SnapshotReader& reader, int64_t snapshot_id) : family_(reader, snapshot_id) {}

  // All processes are added before the first is asked for.
  void Add(int64_t process_id, int64_t pid, bool kernel_thread, std::string name, Label exe) {
    TreeProcess& process = processes_[process_id];
    process.parent = family_.ParentOf(family_, process_id);
    process.kernel_thread = kernel_thread;
    process.name = std::move(name);
    process.exe = std::move(exe);
    if (pid == 1) init_ = process_id;
  }

  // Returns the id of the root of the tree that this process is in.
  int64_t RootOf(int64_t process_id) {
    // Up to a process whose root is known, then down again. A damaged file may have a cycle, whose
    // processes start in the same tick: it ends where it began.
    std::vector<int64_t> path;
    int64_t next = process_id;
    while (next != 0 && processes_[next].root == 0) {
      processes_[next].root = next;
      path.push_back(next);
      next = processes_[next].parent;
    }
    for (auto one = path.rbegin(); one != path.rend(); ++one) {
      TreeProcess& process = processes_[*one];
      const auto parent = processes_.find(process.parent);
      process.is_init = *one == init_ || (parent != processes_.end() && parent->second.is_init &&
                                          RunsProgramOfInit(process));
      if (parent == processes_.end() || parent->second.kernel_thread) continue;
      if (!parent->second.is_init || process.is_init) process.root = parent->second.root;
    }
    return processes_[process_id].root;
  }

 private:
  bool RunsProgramOfInit(const TreeProcess& process) {
    const TreeProcess& init = processes_[init_];
    return process.exe && init.exe ? process.exe == init.exe : process.name == init.name;
  }

  Family family_;
  std::unordered_map<int64_t, TreeProcess> processes_;
  int64_t init_ = 0;  // pid 1, or 0
};

}  // namespace

const char* GroupByName(GroupBy by) { return kGroupByNames[static_cast<int>(by)]; }

GroupBy GroupByOf(const std::vector<TableConstraint>& constraints) {
  for (const TableConstraint& constraint : constraints) {
    if (constraint.name != "group_by") continue;
    const auto* found = std::ranges::find(kGroupByNames, constraint.text.value_or(""));
    if (found != std::end(kGroupByNames)) return GroupBy(found - std::begin(kGroupByNames));
    throw Error(fmt::format("group_by is one of '{}', and not '{}'",
                            fmt::join(kGroupByNames, "', '"), constraint.text.value_or("")));
  }
  return GroupBy::kProcess;
}

ProcessGroups::ProcessGroups(AnalysisCache& cache, const Request& request) : request_(request) {
  SnapshotReader& reader = cache.reader();
  const Source& source = reader.SourceOf(IdSpace::kSnapshot, request.snapshot_id);
  Statement rows(*source.database,
                 "SELECT id, memory_process_id, cgroup, uid, name, exe, pid, kernel_thread "
                 "FROM process WHERE snapshot_id = ? ORDER BY id");
  rows.Bind(1, *source.Local(IdSpace::kSnapshot, request.snapshot_id));
  TreeFinder trees(reader, request.snapshot_id);
  std::map<Label, int64_t> group_of_label;
  std::vector<std::pair<int64_t, int64_t>> sharers;  // and whose memory they share
  while (rows.Step()) {
    CheckWork();
    const int64_t id = source.Global(IdSpace::kProcess, rows.Int(0));
    if (!rows.IsNull(1)) sharers.emplace_back(id, source.Global(IdSpace::kProcess, rows.Int(1)));
    int64_t group_id = id;
    if (request.by == GroupBy::kTree) {
      trees.Add(id, rows.Int(6), rows.Int(7) != 0, std::string(rows.Text(4)), LabelOf(rows, 5));
    } else if (request.by != GroupBy::kProcess) {
      // The columns of the statement are in the order of GroupBy.
      const int column = static_cast<int>(request.by) + 1;
      group_id = group_of_label.try_emplace(LabelOf(rows, column), id).first->second;
    }
    members_.push_back({id, group_id});
  }
  if (request.by == GroupBy::kTree) {
    for (GroupMember& member : members_) member.group_id = trees.RootOf(member.process_id);
  }
  for (const auto& [sharer, owner] : sharers) {
    const auto member = std::ranges::lower_bound(members_, owner, {}, &GroupMember::process_id);
    if (member == members_.end() || member->process_id != owner) continue;
    if (Of(sharer).group_id != member->group_id) member->is_shared = true;
  }
}

const GroupMember& ProcessGroups::Of(int64_t process_id) const {
  const auto member = std::ranges::lower_bound(members_, process_id, {}, &GroupMember::process_id);
  if (member == members_.end() || member->process_id != process_id) {
    throw Error("the file changed while it was read");
  }
  return *member;
}

}  // namespace pagesnap
