// What the mappings of a snapshot have in swap, and their other entries in swap format.
#ifndef LIB_QUERY_USAGE_SWAP_USAGE_H_
#define LIB_QUERY_USAGE_SWAP_USAGE_H_

#include <compare>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "lib/query/scan/group_layout.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// The entries of one mapping that are of one kind.
struct SwapUsage {
  PageState state = PageState::kAbsent;
  uint8_t swap_type = 0;    // 0 where it is hidden
  uint64_t first_page = 0;  // virtual page number of the first
  uint64_t page_count = 0;
  uint64_t run_count = 0;  // runs of adjacent pages; of swapped ones also in consecutive slots
  // Of swapped pages whose slots are not hidden. fork() and merged pages (KSM) have slots in
  // common.
  uint64_t shared_page_count = 0;  // pages whose slot a process of another group has too
  // In bytes << 12, summed as the kernel does (fs/proc/task_mmu.c, smaps_pte_entry): for each page
  // its size, divided by the captured pages that have its slot; of all of them, and of those whose
  // slot only the group of this process has.
  uint64_t pss = 0;
  uint64_t uss = 0;
};

// Of one snapshot, with the slots that groups of its processes have. Immutable.
class SwapUsages {
 public:
  using Request = GroupRequest;

  // Decodes the contents with such entries, on all cores; those that have slots in common more than
  // once. Needs 8 bytes for each swapped page of a content while it runs. Throws Error when a
  // content is damaged.
  SwapUsages(AnalysisCache& cache, const Request& request);

  [[nodiscard]] const Request& request() const { return groups_->request(); }
  // Returns the kinds of a mapping of the snapshot, by first page.
  [[nodiscard]] std::vector<SwapUsage> Of(const MappingInfo& mapping) const;
  // Returns how many distinct slots the processes of a group have: 0 where slots were hidden.
  [[nodiscard]] uint64_t SlotCountOf(int64_t group_id) const;

 private:
  // The entries of one content that are of one kind.
  struct Part {
    SwapUsage usage;      // first_page is an index; of one use of the content
    uint64_t last_index;  // of the last of these pages
    uint64_t first_slot;  // of the first and the last page
    uint64_t last_slot;
  };
  // A slot that more than one page of the contents has.
  struct Slot {
    uint64_t field;       // swap type and offset as in the page word
    uint64_t page_count;  // captured pages that have it
    Owner owner;
  };
  // A page of a content that has a repeated slot.
  struct Hit {
    size_t slot;  // index into repeated_
    size_t content;
    friend auto operator<=>(const Hit&, const Hit&) = default;
  };
  // Where a content is.
  struct Place {
    uint32_t mapping;
    uint64_t first_page;
    uint32_t content;
  };
  // Fields of swapped pages, by a hash, so that each list is short enough to be sorted in the
  // cache.
  static constexpr size_t kBuckets = 256;
  using SlotLists = std::vector<std::vector<uint64_t>>;

  void PlaceContents();
  void FindParts(SnapshotReader& reader, std::vector<SlotLists>* slots);
  void AddWords(size_t content, std::span<const uint64_t> words, SlotLists* slots);
  void FindRepeated(std::vector<SlotLists>* slots);
  std::vector<size_t> CountUsers(SnapshotReader& reader);
  void CountSlots(std::vector<Hit>* hits);
  void ShareAlone();
  void ShareRepeated(SnapshotReader& reader, const std::vector<size_t>& contents);
  void ShareRepeatedOf(size_t content, std::span<const uint64_t> words);
  template <typename Visit>
  void ForEachRepeated(std::span<const uint64_t> words, const Visit& visit) const;
  void AddShare(uint64_t page_count, uint64_t users, Owner owner, SwapUsage* usage) const;

  const SnapshotInfo& snapshot_;
  SnapshotLayout layout_;
  std::shared_ptr<const ProcessGroups> groups_;
  GroupLayout owners_;                                 // of groups_ in layout_
  std::vector<Place> places_;                          // by mapping and page
  std::vector<std::vector<Part>> parts_;               // of each content of the layout
  std::vector<Slot> repeated_;                         // ascending
  std::unordered_map<int64_t, uint64_t> slot_counts_;  // by group
};

}  // namespace pagesnap

#endif  // LIB_QUERY_USAGE_SWAP_USAGE_H_
