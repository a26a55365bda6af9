#include "lib/query/page_change.h"

#include "lib/kernel/frame_flags.h"

namespace pagesnap {
namespace {

constexpr uint64_t kHuge = kFrameThp | kFrameHuge;

bool IsSwapped(PageState state) {
  return state == PageState::kSwapped || state == PageState::kSwapEntry;
}

bool IsSpecial(PageState state) {
  return state != PageState::kAbsent && state != PageState::kPresent && !IsSwapped(state);
}

uint64_t FieldOf(PageWord word) { return word.raw() & PageWord::kFieldMask; }

// What a write fault would copy, as far as the flags say.
bool SharedByFlags(uint64_t flags) {
  return (flags & kFrameAnon) == 0 || (flags & (kFrameZeroPage | kFrameKsm)) != 0;
}

// Whether a write fault may have copied the page there; empty where a map count that decides was
// not read.
std::optional<bool> CopiedOnWrite(const FrameFacts& before, const FrameFacts& after) {
  if ((after.flags & kFrameAnon) == 0 || SharedByFlags(after.flags)) return false;
  if (after.map_count != kNotRead && after.map_count > 1) return false;
  const bool shared_by_flags = SharedByFlags(before.flags);
  if (!shared_by_flags && before.map_count != kNotRead && before.map_count <= 1) return false;
  if (after.map_count == kNotRead) return std::nullopt;
  if (!shared_by_flags && before.map_count == kNotRead) return std::nullopt;
  return true;
}

}  // namespace

const char* PageChangeName(PageChange change) {
  static constexpr const char* kNames[kPageChangeCount] = {
      "unchanged", "flags_changed", "migrated",        "copied_on_write", "faulted_in",
      "dropped",   "swapped_out",   "swapped_in",      "slot_moved",      "collapsed",
      "split",     "recharged",     "special_changed", "incomparable",    "unread"};
  return kNames[static_cast<int>(change)];
}

PageClassifier::PageClassifier(const SnapshotInfo& before, const SnapshotInfo& after,
                               Comparability comparability, bool with_volatile)
    : before_(before),
      after_(after),
      comparability_(before.pfn_visible && after.pfn_visible ? comparability
                                                             : Comparability::kNothing),
      counted_flags_(with_volatile ? ~uint64_t{0} : ~kVolatileFrameFlags),
      counted_bits_(~(PageWord::kFieldMask | (with_volatile ? 0 : kVolatileWordBits))) {}

std::optional<PageChange> PageClassifier::Classify(PageWord before, PageWord after,
                                                   const FrameFacts* before_facts,
                                                   const FrameFacts* after_facts) const {
  const PageState from = before_.decoder.State(before);
  const PageState to = after_.decoder.State(after);
  if (from == PageState::kPresent && to == PageState::kPresent) {
    return ClassifyPresent(before, after, before_facts, after_facts);
  }
  if (IsSpecial(from) || IsSpecial(to)) return ClassifySpecial(before, from, after, to);
  if (from == PageState::kAbsent && to == PageState::kAbsent) return std::nullopt;
  if (from == PageState::kAbsent) return PageChange::kFaultedIn;
  if (to == PageState::kAbsent) return PageChange::kDropped;
  if (to == PageState::kPresent) return PageChange::kSwappedIn;
  if (from == PageState::kPresent) return PageChange::kSwappedOut;
  return ClassifySwapped(before, from, after, to);
}

PageChange PageClassifier::ClassifySpecial(PageWord before, PageState before_state, PageWord after,
                                           PageState after_state) const {
  if (before_state != after_state) return PageChange::kSpecialChanged;
  // One guard is like another, whatever the kernel writes there.
  if (before_state == PageState::kGuard) return PageChange::kUnchanged;
  if (comparability_ == Comparability::kNothing) return PageChange::kIncomparable;
  return FieldOf(before) == FieldOf(after) ? PageChange::kUnchanged : PageChange::kSpecialChanged;
}

PageChange PageClassifier::ClassifySwapped(PageWord before, PageState before_state, PageWord after,
                                           PageState after_state) const {
  const bool hidden = before_state == PageState::kSwapEntry || after_state == PageState::kSwapEntry;
  if (hidden || comparability_ == Comparability::kNothing) return PageChange::kIncomparable;
  if (FieldOf(before) != FieldOf(after)) {
    return comparability_ == Comparability::kFrames ? PageChange::kSlotMoved
                                                    : PageChange::kIncomparable;
  }
  return ChangedBits(before, after) != 0 ? PageChange::kFlagsChanged : PageChange::kUnchanged;
}

PageChange PageClassifier::ClassifyPresent(PageWord before, PageWord after,
                                           const FrameFacts* before_facts,
                                           const FrameFacts* after_facts) const {
  if (before_facts == nullptr || after_facts == nullptr || before_facts->flags == kNotRead ||
      after_facts->flags == kNotRead) {
    return PageChange::kIncomparable;
  }
  const bool was_huge = (before_facts->flags & kHuge) != 0;
  const bool is_huge = (after_facts->flags & kHuge) != 0;
  if (is_huge && !was_huge) return PageChange::kCollapsed;
  const bool same_frame = before.pfn() == after.pfn();
  if (comparability_ == Comparability::kFrames && !same_frame) {
    const std::optional<bool> copied = CopiedOnWrite(*before_facts, *after_facts);
    if (!copied) return PageChange::kIncomparable;
    if (*copied) return PageChange::kCopiedOnWrite;
  }
  if (was_huge && !is_huge) return PageChange::kSplit;
  if (comparability_ == Comparability::kNothing) return PageChange::kIncomparable;
  if (!same_frame) {
    return comparability_ == Comparability::kFrames ? PageChange::kMigrated
                                                    : PageChange::kIncomparable;
  }
  if (Recharged(*before_facts, *after_facts)) return PageChange::kRecharged;
  const bool changed =
      ChangedFlags(*before_facts, *after_facts) != 0 || ChangedBits(before, after) != 0;
  return changed ? PageChange::kFlagsChanged : PageChange::kUnchanged;
}

}  // namespace pagesnap
