// What became of a page, by all that the snapshots say.
#ifndef LIB_QUERY_CHANGE_PAGE_COMPARISON_H_
#define LIB_QUERY_CHANGE_PAGE_COMPARISON_H_

#include <cstdint>
#include <optional>

#include "lib/query/change/change_analysis.h"
#include "lib/query/change/hidden_swap.h"
#include "lib/query/change/page_change.h"
#include "lib/query/change/words_of_others.h"
#include "lib/query/scan/family.h"
#include "lib/store/frames/memory_kind.h"

namespace pagesnap {

// Classifies pages as PageClassifier does, and then by what stands elsewhere (page_change.h, lines
// 20 to 24): the words of parents and children, and what smaps says of swap. For one thread.
class PageComparison {
 public:
  // Both are borrowed. Throws Error.
  PageComparison(SnapshotReader& reader, ChangeAnalysis& analysis);

  // Starts a range; its pages are asked for in ascending order.
  void Enter(const MatchedRange& range, const ProcessMatch& process);

  // Returns whether any page may be of another class than PageClassifier says, where that found
  // `counts` in a range.
  static bool MayDiffer(const ChangeCounts& counts) {
    return counts[PageChange::kMigrated] > 0 || counts[PageChange::kFaultedIn] > 0 ||
           counts[PageChange::kDropped] > 0;
  }
  // Returns whether there is anything to ask of the pages of this range, with these counts.
  bool KnowsMore(const ChangeCounts& counts);

  // Returns the class of the page at `offset` of the range; nothing when it is absent on both
  // sides.
  std::optional<PageChange> Classify(uint64_t offset, PageWord before, PageWord after);
  // Returns the number of frames of the folio that a page's frame is of, before and after; nothing
  // where not all of it was captured. Of present pages.
  std::optional<uint64_t> FramesBefore(PageWord page) { return FolioFrames(before_, page); }
  std::optional<uint64_t> FramesAfter(PageWord page) { return FolioFrames(after_, page); }
  // Moves the page in `counts` from the class that PageClassifier has for it to this one.
  void Correct(uint64_t offset, PageWord before, PageWord after, ChangeCounts* counts);

 private:
  using Kinds = MemoryKinds<LoadedFrames>;
  // One snapshot of the two.
  struct Side {
    Side(SnapshotReader& reader, const SnapshotInfo& info, LoadedFrames loaded);

    const SnapshotInfo& snapshot;
    LoadedFrames frames;
    Kinds kinds;
    Family family;
    HiddenSwap hidden_swap;
    WordsOfOthers relatives;  // here, of the process on either side
    int64_t process_id = 0;
    int64_t mapping_id = 0;
    uint64_t first_page = 0;
  };

  // Sets which processes of either side are asked. Throws Error.
  void FindRelatives();
  std::optional<PageChange> ClassifyAlone(PageWord before, PageWord after);
  PageChange LookFurther(PageChange change, uint64_t offset, PageWord before, PageWord after);
  static std::optional<uint64_t> FolioFrames(const Side& side, PageWord page);
  [[nodiscard]] static bool IsPrivate(const Side& side, PageWord word);
  PageChange ClassifyMoved(uint64_t offset, PageWord before, PageWord after);
  PageChange ClassifyOneSided(uint64_t offset, PageWord word, bool is_new);
  static const FrameFacts* FactsOf(const Side& side, PageWord word) {
    return word.present() && side.snapshot.pfn_visible ? side.frames.Find(word.pfn()) : nullptr;
  }

  const PageClassifier& classifier_;
  Side before_;
  Side after_;
  uint64_t page_count_ = 0;
  bool has_relatives_ = false;  // FindRelatives() was called for this range
};

}  // namespace pagesnap

#endif  // LIB_QUERY_CHANGE_PAGE_COMPARISON_H_
