#include "lib/store/read/process_list.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/store/sqlite/damage.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

ProcessList::ProcessList(const std::vector<Source>& sources,
                         const std::vector<SnapshotInfo>& snapshots) {
  for (const Source& source : sources) Add(source, snapshots);
}

void ProcessList::Add(const Source& source, const std::vector<SnapshotInfo>& snapshots) {
  Statement statement(*source.database, "SELECT id, snapshot_id, pid FROM process ORDER BY id");
  while (statement.Step()) {
    ProcessKey key{source.Global(IdSpace::kProcess, statement.Int(0)),
                   source.Global(IdSpace::kSnapshot, statement.Int(1)), statement.Int(2)};
    if (FindSnapshot(snapshots, key.snapshot_id) == nullptr ||
        (!processes_.empty() && key.id <= processes_.back().id)) {
      ThrowDamaged(
          *source.database,
          fmt::format("process {} belongs to no snapshot, or is there twice", statement.Int(0)));
    }
    processes_.push_back(key);
    of_snapshot_[key.snapshot_id].push_back(key.id);
  }
}

const ProcessKey* ProcessList::Find(int64_t id) const {
  const auto found =
      std::lower_bound(processes_.begin(), processes_.end(), id,
                       [](const ProcessKey& key, int64_t wanted) { return key.id < wanted; });
  return found != processes_.end() && found->id == id ? &*found : nullptr;
}

std::vector<int64_t> ProcessList::Select(std::optional<int64_t> id,
                                         std::optional<int64_t> snapshot_id) const {
  // A join asks for each process by itself: it must not go through all of them each time.
  if (id) {
    const ProcessKey* process = Find(*id);
    const bool admitted =
        process != nullptr && process->snapshot_id == snapshot_id.value_or(process->snapshot_id);
    return admitted ? std::vector{*id} : std::vector<int64_t>{};
  }
  if (snapshot_id) {
    const auto found = of_snapshot_.find(*snapshot_id);
    return found != of_snapshot_.end() ? found->second : std::vector<int64_t>{};
  }
  std::vector<int64_t> ids;
  for (const ProcessKey& process : processes_) ids.push_back(process.id);
  return ids;
}

}  // namespace pagesnap
