#include "lib/query/scan/family.h"

#include "lib/store/sqlite/statement.h"

namespace pagesnap {

Family::Family(SnapshotReader& reader, int64_t snapshot_id) {
  const Source& source = reader.SourceOf(IdSpace::kSnapshot, snapshot_id);
  Statement statement(*source.database,
                      "SELECT id, pid, ppid, start_time_ticks FROM process "
                      "WHERE snapshot_id = ? ORDER BY pid");
  statement.Bind(1, *source.Local(IdSpace::kSnapshot, snapshot_id));
  while (statement.Step()) {
    const int64_t id = source.Global(IdSpace::kProcess, statement.Int(0));
    const Process process = {statement.Int(1), statement.Int(2), statement.Int(3)};
    processes_.emplace(id, process);
    by_pid_.emplace(process.pid, id);
    children_[process.ppid].push_back(id);
  }
}

int64_t Family::ParentOf(const Family& others, int64_t process_id) const {
  const auto process = others.processes_.find(process_id);
  if (process == others.processes_.end()) return 0;
  const auto parent = by_pid_.find(process->second.ppid);
  if (parent == by_pid_.end() || process->second.ppid == process->second.pid) return 0;
  const bool is_older = processes_.at(parent->second).start_ticks <= process->second.start_ticks;
  return is_older ? parent->second : 0;
}

std::vector<int64_t> Family::RelativesOf(int64_t process_id) const {
  std::vector<int64_t> relatives;
  const auto process = processes_.find(process_id);
  if (process == processes_.end()) return relatives;
  if (const int64_t parent = ParentOf(*this, process_id); parent != 0) relatives.push_back(parent);
  const auto children = children_.find(process->second.pid);
  if (children == children_.end()) return relatives;
  for (const int64_t child : children->second) {
    if (relatives.size() == kMaxRelatives) break;
    if (ParentOf(*this, child) == process_id) relatives.push_back(child);
  }
  return relatives;
}

}  // namespace pagesnap
