// Whether a process of another group holds the swap slot of a page that is in memory.
#ifndef LIB_QUERY_SHARING_SLOT_HOLDERS_H_
#define LIB_QUERY_SHARING_SLOT_HOLDERS_H_

#include <cstdint>
#include <span>
#include <unordered_map>

#include "lib/query/scan/owner.h"
#include "lib/query/scan/process_groups.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// A present page whose frame is in the swap cache.
struct SlotPage {
  uint64_t page;  // virtual page number
  uint64_t flags;
  uint32_t mapping;  // index into SnapshotLayout::mappings()
  int64_t group_id;
};

// A page word says which frame it has, and not the slot behind that. Processes come to have a slot
// in common by fork, which leaves it at the same address: a process of another group with a page in
// swap there is taken to hold the slot.
class SlotHolders {
 public:
  // Decodes all contents of the snapshot with pages in swap. Throws Error when one is damaged.
  SlotHolders(SnapshotReader& reader, const ProcessGroups& groups, std::span<const SlotPage> pages);

  // Returns it for one of these pages.
  [[nodiscard]] bool HasOther(const SlotPage& page) const;

 private:
  std::unordered_map<uint64_t, Owner> holders_;  // by virtual page number
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SHARING_SLOT_HOLDERS_H_
