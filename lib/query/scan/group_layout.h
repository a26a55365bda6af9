// To which groups of processes the mappings and contents of a snapshot belong.
#ifndef LIB_QUERY_SCAN_GROUP_LAYOUT_H_
#define LIB_QUERY_SCAN_GROUP_LAYOUT_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lib/query/scan/owner.h"
#include "lib/query/scan/process_groups.h"
#include "lib/query/scan/snapshot_layout.h"

namespace pagesnap {

class GroupLayout {
 public:
  // Both are of the same snapshot; `layout` is borrowed.
  GroupLayout(const SnapshotLayout& layout, const ProcessGroups& groups) : layout_(layout) {
    for (const MappingInfo& mapping : layout.mappings()) {  // by process
      const bool is_same = !members_.empty() && members_.back().process_id == mapping.process_id;
      members_.push_back(is_same ? members_.back() : groups.Of(mapping.process_id));
    }
    for (size_t i = 0; i < layout.contents().size(); ++i) {
      Owner owner;
      for (const ContentUse& use : layout.UsesOf(i)) owner.Add(Owner(GroupOf(use.mapping)));
      owners_.push_back(owner);
    }
  }

  // These are of mapping number `index` of SnapshotLayout::mappings().
  [[nodiscard]] int64_t GroupOf(size_t index) const { return members_[index].group_id; }
  [[nodiscard]] bool IsShared(size_t index) const { return members_[index].is_shared; }
  // Returns which group has content number `index` of SnapshotLayout::contents(): the id of an
  // Owner here is that of a group.
  [[nodiscard]] Owner OwnerOf(size_t index) const { return owners_[index]; }
  // Returns the groups that have that content, ascending.
  [[nodiscard]] std::vector<int64_t> GroupsOf(size_t index) const {
    if (owners_[index].is_one()) return {owners_[index].process_id()};
    std::vector<int64_t> ids;
    for (const ContentUse& use : layout_.UsesOf(index)) {
      if (const int64_t id = GroupOf(use.mapping); ids.empty() || ids.back() != id) {
        ids.push_back(id);
      }
    }
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
  }

 private:
  const SnapshotLayout& layout_;
  std::vector<GroupMember> members_;  // of each mapping
  std::vector<Owner> owners_;         // of each content
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_GROUP_LAYOUT_H_
