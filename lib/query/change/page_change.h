// What became of a page between two snapshots.
#ifndef LIB_QUERY_CHANGE_PAGE_CHANGE_H_
#define LIB_QUERY_CHANGE_PAGE_CHANGE_H_

#include <cstdint>
#include <optional>

#include "lib/kernel/frame_flags.h"
#include "lib/kernel/page_word.h"
#include "lib/store/frames/frame_table.h"
#include "lib/store/frames/memory_kind.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// Each page that is not absent on both sides is of exactly one class: the first line of this table
// that fits. "Swapped" includes swap_entry, swap format of a hidden type. "Special" is a guard, a
// marker, a migration entry, a poisoned page, device memory, or another entry in swap format.
//
//    before   after     and                                               class
//  1 any      any       the word of a side was not read, or is damaged    unread
//  2 special  special   both guards; or the same state and entry          unchanged
//                       the same state, but it cannot be compared         incomparable
//  3 either is special                                                    special_changed
//  4 absent   populated                                                   faulted_in
//  5 populated absent                                                     dropped
//  6 present  swapped                                                     swapped_out
//  7 swapped  present                                                     swapped_in
//  8 swapped  swapped   slots cannot be compared, or are hidden           incomparable
//                       another slot                                      slot_moved
//                       the same slot, other bits of the page word        flags_changed
//                       the same slot                                     unchanged
//  9 present  present   a PFN, or the flags of a frame, are not known     incomparable
// 10                    another frame, and a map count that decides      incomparable
//                       whether either is the process's own is not known
// 11                    another frame, its own, where it was shared      copied_on_write
// 12                    another frame, shared, where it was its own      merged
// 13                    in a huge page, and was not                      collapsed
// 14                    not in a huge page any more                      split
//                       single, and was in a smaller folio; or that way  resized
// 15                    frames cannot be compared                        incomparable
// 16                    another frame                                    migrated
// 17                    the same frame, charged to another cgroup        recharged
// 18                    the same frame, other flags or bits of the word  flags_changed
// 19                    the same frame                                   unchanged
//
// PageComparison looks further, at those of 4, 5 and 16 that are private anonymous memory (20 to
// 22), or shared memory (23, 24):
//
// 20 migrated           a parent or child has the old frame there, later   copied_on_write
// 21 migrated           a parent or child had the new frame there, before  merged
// 22 faulted_in         of a new process whose parent has, or had, the     inherited
//                       frame or slot at this address
//    dropped            the same of a process that is gone                 left_to_parent
// 23 dropped            smaps has as much swap as pages read as absent     swapped_out
//                       smaps has more swap than pagemap                   maybe_swapped_out
// 24 faulted_in         the same before                                    swapped_in,
//                                                                          maybe_swapped_in
//
// The classes mirror each other (MirrorOf): whoever compares the same snapshots the other way round
// finds each page in the mirror of its class.
//
// 10 to 12: a frame is a process's own when it is anonymous, mapped at most once, and neither a
// zero page nor of KSM; any other is shared. do_wp_page reuses a frame that is the process's alone
// and copies otherwise; what it copies to is anonymous (mm/memory.c). A page is merged by KSM
// (mm/ksm.c, replace_page), or where it was given back and the file or the zero page read again.
// They come before 13 and 14: a write to a part of a shared huge page copies that page alone
// (mm/huge_memory.c, do_huge_pmd_wp_page, falls back to wp_page_copy), nothing of the huge page is
// split, and what costs memory is the copy.
// 13, 14: "huge" are hugetlb and folios of PMD size that were captured whole (FolioSize): newer
// kernels set THP for a folio of any order above 0 that can be mapped by parts (fs/proc/page.c,
// stable_page_flags). Of the same frame the flags have to differ: a folio of which others unmap a
// part is what it was.
// 16: the kernel moved the page (mm/migrate.c), or it was dropped, or swapped, and came back.
// 17: not where a side's cgroup was not read.
// 18: flags that change by themselves do not count (kVolatileFrameFlags), nor does how many others
// map the frame, which is their doing (FlagsOfOthers).
// 20 to 22: two processes come to one private frame, or slot, at one address by a fork alone.
// Frames of files say nothing: they are mapped when they are touched. Who forked whom, ppid says.
// 23, 24: the page table has no entry for shared memory in swap; smaps counts the pages of a
// mapping that are there, but not which.
enum class PageChange : uint8_t {
  kUnchanged,
  kFlagsChanged,
  kMigrated,
  kCopiedOnWrite,
  kMerged,
  kFaultedIn,
  kDropped,
  kSwappedOut,
  kSwappedIn,
  kSlotMoved,
  kCollapsed,
  kSplit,
  kResized,
  kInherited,
  kLeftToParent,
  kMaybeSwappedOut,
  kMaybeSwappedIn,
  kRecharged,
  kSpecialChanged,
  kIncomparable,
  kUnread
};
inline constexpr int kPageChangeCount = static_cast<int>(PageChange::kUnread) + 1;

// Returns the name in SQL: "copied_on_write".
const char* PageChangeName(PageChange change);

// Returns the class of the same page when the snapshots are compared the other way round: dropped
// for faulted_in and so on, the class itself for most.
PageChange MirrorOf(PageChange change);

// What PFNs and swap slots of the two snapshots say of each other.
enum class Comparability {
  kNothing,    // of two boots or hosts, or hidden: equal numbers mean nothing
  kSameFrame,  // of one boot, but of other processes: only equality means something
  kFrames      // of the same processes
};

// Bits of the page word that say what others do: whether another process maps the frame, too.
inline constexpr uint64_t kVolatileWordBits = PageWord::kMmapExclusive;

// Classifies pages. Immutable, so for all threads.
class PageClassifier {
 public:
  // The snapshots are borrowed. `with_volatile`: the volatile flags count, too.
  PageClassifier(const SnapshotInfo& before, const SnapshotInfo& after, Comparability comparability,
                 bool with_volatile);

  // Returns the class of a page by lines 1 to 19, nothing when it is absent on both sides. Facts
  // are of the frame of a present page, null: not known; sizes of its folio.
  [[nodiscard]] std::optional<PageChange> Classify(PageWord before, PageWord after,
                                                   const FrameFacts* before_facts,
                                                   const FrameFacts* after_facts,
                                                   FolioSize before_size,
                                                   FolioSize after_size) const;

  // Returns whether a frame with these facts is the same in every respect that a class or a figure
  // of a page depends on, so that pages with equal words there are unchanged.
  [[nodiscard]] bool SameFacts(const FrameFacts& before, const FrameFacts& after) const {
    return before.flags != kNotRead && after.flags != kNotRead &&
           ChangedFlags(before, after) == 0 && before.map_count == after.map_count &&
           !Recharged(before, after);
  }

  // Returns whether these snapshots can show pages of this class at all. Where they cannot, none is
  // of it, and that says nothing: what is of it is incomparable.
  [[nodiscard]] bool CanTell(PageChange change) const;

  [[nodiscard]] Comparability comparability() const { return comparability_; }
  // Returns the frame flags and the bits of the word that differ and count.
  [[nodiscard]] uint64_t ChangedFlags(const FrameFacts& before, const FrameFacts& after) const {
    const uint64_t changed = (before.flags ^ after.flags) & counted_flags_;
    return with_volatile_ ? changed : changed & ~FlagsOfOthers(before.flags & after.flags);
  }
  [[nodiscard]] uint64_t ChangedBits(PageWord before, PageWord after) const {
    return (before.raw() ^ after.raw()) & counted_bits_;
  }

 private:
  static bool Recharged(const FrameFacts& before, const FrameFacts& after) {
    return before.cgroup != after.cgroup && before.cgroup != kNotRead && after.cgroup != kNotRead;
  }
  [[nodiscard]] PageChange ClassifySpecial(PageWord before, PageState before_state, PageWord after,
                                           PageState after_state) const;
  [[nodiscard]] PageChange ClassifySwapped(PageWord before, PageState before_state, PageWord after,
                                           PageState after_state) const;
  [[nodiscard]] PageChange ClassifyPresent(PageWord before, PageWord after,
                                           const FrameFacts* before_facts,
                                           const FrameFacts* after_facts, FolioSize before_size,
                                           FolioSize after_size) const;

  const SnapshotInfo& before_;
  const SnapshotInfo& after_;
  Comparability comparability_;
  uint64_t counted_flags_;
  uint64_t counted_bits_;
  bool with_volatile_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_CHANGE_PAGE_CHANGE_H_
