// The processes of the files that a reader sees.
#ifndef LIB_STORE_READ_PROCESS_LIST_H_
#define LIB_STORE_READ_PROCESS_LIST_H_

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "lib/store/read/snapshot_info.h"
#include "lib/store/read/source.h"

namespace pagesnap {

struct ProcessKey {
  int64_t id;
  int64_t snapshot_id;
  int64_t pid;
};

// Immutable.
class ProcessList {
 public:
  // Reads those of all sources. Throws Error for a process that belongs to none of `snapshots`.
  ProcessList(const std::vector<Source>& sources, const std::vector<SnapshotInfo>& snapshots);

  // Returns a process, or null for an id that no file has.
  [[nodiscard]] const ProcessKey* Find(int64_t id) const;
  // Returns the ids of the processes that have this id and belong to this snapshot, ascending; all
  // where neither is given.
  [[nodiscard]] std::vector<int64_t> Select(std::optional<int64_t> id,
                                            std::optional<int64_t> snapshot_id) const;
  [[nodiscard]] size_t size() const { return processes_.size(); }

 private:
  void Add(const Source& source, const std::vector<SnapshotInfo>& snapshots);

  std::vector<ProcessKey> processes_;                              // by id
  std::unordered_map<int64_t, std::vector<int64_t>> of_snapshot_;  // ids
};

}  // namespace pagesnap

#endif  // LIB_STORE_READ_PROCESS_LIST_H_
