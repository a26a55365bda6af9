// The processes of a snapshot in groups: by cgroup, user, program or tree of processes.
#ifndef LIB_QUERY_SCAN_PROCESS_GROUPS_H_
#define LIB_QUERY_SCAN_PROCESS_GROUPS_H_

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/query/scan/analysis_cache.h"
#include "lib/query/sqlite/virtual_table.h"

namespace pagesnap {

enum class GroupBy : uint8_t { kProcess, kCgroup, kUser, kName, kExe, kTree };

// Returns the name in SQL: "cgroup".
const char* GroupByName(GroupBy by);

struct GroupRequest {
  int64_t snapshot_id = 0;
  GroupBy by = GroupBy::kProcess;

  friend bool operator==(const GroupRequest&, const GroupRequest&) = default;
};

// A process and the group that it is in.
struct GroupMember {
  int64_t process_id;
  int64_t group_id;
  // A process of another group has the same address space, so that it stays when this group exits.
  bool is_shared = false;
};

// Each process is in one group. The id of a group is that of a process in it: of a tree its root,
// otherwise the lowest. Processes of which the cgroup, user or program is unknown are one group.
//
// The root of a tree is the topmost ancestor of which every process on the way was captured. As
// everything descends from pid 1, pid 1 is an ancestor of those alone that run its program: the
// workers of a container's only server, or "systemd --user". Any other child of these is a root.
class ProcessGroups {
 public:
  using Request = GroupRequest;

  // Reads the process rows. Throws Error.
  ProcessGroups(AnalysisCache& cache, const Request& request);

  [[nodiscard]] const Request& request() const { return request_; }
  // By process id.
  [[nodiscard]] const std::vector<GroupMember>& members() const { return members_; }
  // Returns that of a process of the snapshot.
  [[nodiscard]] const GroupMember& Of(int64_t process_id) const;

 private:
  Request request_;
  std::vector<GroupMember> members_;
};

// The hidden column `group_by`, by which a table takes the name of a GroupBy as its argument.
// Cursor has group_by().
template <typename Cursor>
CursorColumn<Cursor> GroupByArgument(PushDown push_down) {
  return {{"group_by", kTextArgument, "", "", push_down},
          [](auto& row, Out out) { out.Name(GroupByName(row.group_by())); }};
}
// Returns what that argument is, kProcess without one. Throws Error for another word.
GroupBy GroupByOf(const std::vector<TableConstraint>& constraints);

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_PROCESS_GROUPS_H_
