// Counts what changed in some pages, and what each side of them amounts to.
#ifndef LIB_QUERY_CHANGE_PAGE_COUNTER_H_
#define LIB_QUERY_CHANGE_PAGE_COUNTER_H_

#include <cstdint>
#include <optional>
#include <span>

#include "lib/kernel/page_word.h"
#include "lib/query/change/change_analysis.h"
#include "lib/query/change/change_segments.h"
#include "lib/store/frames/memory_kind.h"
#include "lib/store/frames/usage_sums.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// What one side of some pages holds.
struct SideCount {
  PageCounts states;
  UsageSums sums;

  void Add(const SideCount& other, bool accounted) {
    states.Add(other.states);
    if (accounted) sums.Add(other.sums);
  }
};

// Of the pages of two contents side by side.
struct PairCount {
  ChangeCounts counts;
  SideCount before;
  SideCount after;
};

// Compares words page by page. Immutable, so for all threads.
class PageCounter {
 public:
  explicit PageCounter(ChangeAnalysis& analysis)
      : classifier_(analysis.classifier()),
        before_(analysis.before()),
        after_(analysis.after()),
        same_frames_(analysis.same_frames()),
        before_frames_(analysis.before_frames()),
        after_frames_(analysis.after_frames()) {}

  // Adds up the pages of both sides, as many of each, to `out`; their figures where they are
  // wanted.
  template <bool kWithFigures>
  void Count(std::span<const uint64_t> before, std::span<const uint64_t> after,
             PairCount* out) const {
    Kinds before_kinds(before_.release, before_.page_size, before_frames_);
    Kinds after_kinds(after_.release, after_.page_size, after_frames_);
    UsageSums common;        // of pages that are the same on both sides
    uint64_t after_thp = 0;  // of these; whether a huge page is whole is the other pages' doing
    uint64_t absent = 0;
    uint64_t same = 0;
    for (size_t i = 0; i < before.size(); ++i) {
      if (i + kAhead < before.size()) {
        Expect<kWithFigures>(PageWord(before[i + kAhead]), PageWord(after[i + kAhead]));
      }
      const PageWord from(before[i]);
      const PageWord to(after[i]);
      if (!from.populated() && !to.populated()) {
        ++absent;
      } else if (from.raw() == to.raw() && from.present() && same_frames_.Contains(from.pfn())) {
        ++same;
        if constexpr (kWithFigures) {
          const FrameFacts* facts = before_frames_.Find(from.pfn());
          const uint64_t rss = common.rss;
          common.AddPage(&before_kinds, from, facts, before_.page_size, before_.map_counts);
          after_thp += common.rss != rss && after_kinds.IsHuge(from.pfn(), facts->flags);
        }
      } else {
        CountOther<kWithFigures>(from, to, &before_kinds, &after_kinds, out);
      }
    }
    out->counts.absent += absent;
    out->counts[PageChange::kUnchanged] += same;
    if constexpr (kWithFigures) {
      for (SideCount* side : {&out->before, &out->after}) {
        side->states.present += same;
        side->sums.Add(common);
        common.thp = after_thp;
      }
    }
  }

 private:
  using Kinds = MemoryKinds<LoadedFrames>;

  static constexpr size_t kAhead = 16;

  // Has the processor fetch what these words will need: frames come in random order.
  template <bool kWithFigures>
  void Expect(PageWord from, PageWord to) const {
    const bool is_same = from.raw() == to.raw();
    if (from.present()) {
      same_frames_.Prefetch(from.pfn());
      if (kWithFigures || !is_same) before_frames_.Prefetch(from.pfn());
    }
    if (to.present() && !is_same) after_frames_.Prefetch(to.pfn());
  }
  template <bool kWithFigures>
  void CountOther(PageWord from, PageWord to, Kinds* before_kinds, Kinds* after_kinds,
                  PairCount* out) const {
    const FrameFacts* from_facts = FactsOf(before_, before_frames_, from);
    const FrameFacts* to_facts = FactsOf(after_, after_frames_, to);
    const auto change =
        classifier_.Classify(from, to, from_facts, to_facts, before_kinds->SizeOf(from, from_facts),
                             after_kinds->SizeOf(to, to_facts));
    change ? ++out->counts[*change] : ++out->counts.absent;
    if constexpr (kWithFigures) {
      out->before.states.Add(before_.decoder.State(from));
      out->after.states.Add(after_.decoder.State(to));
      if (from.present()) {
        out->before.sums.AddPage(before_kinds, from, from_facts, before_.page_size,
                                 before_.map_counts);
      }
      if (to.present()) {
        out->after.sums.AddPage(after_kinds, to, to_facts, after_.page_size, after_.map_counts);
      }
    }
  }
  static const FrameFacts* FactsOf(const SnapshotInfo& snapshot, LoadedFrames frames,
                                   PageWord word) {
    return word.present() && snapshot.pfn_visible ? frames.Find(word.pfn()) : nullptr;
  }

  const PageClassifier& classifier_;
  const SnapshotInfo& before_;
  const SnapshotInfo& after_;
  const SameFrames& same_frames_;
  LoadedFrames before_frames_;
  LoadedFrames after_frames_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_CHANGE_PAGE_COUNTER_H_
