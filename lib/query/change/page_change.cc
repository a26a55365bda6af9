#include "lib/query/change/page_change.h"

#include "lib/kernel/frame_flags.h"

namespace pagesnap {
namespace {

bool IsSwapped(PageState state) {
  return state == PageState::kSwapped || state == PageState::kSwapEntry;
}

bool IsSpecial(PageState state) {
  return state != PageState::kAbsent && state != PageState::kPresent && !IsSwapped(state);
}

uint64_t FieldOf(PageWord word) { return word.raw() & PageWord::kFieldMask; }

// Whether a frame is the process's own: what a write fault makes, and would not copy. Empty where a
// map count that decides was not read, or is an average.
std::optional<bool> IsOwn(MapCountKind kind, PageWord word, const FrameFacts& facts) {
  const bool anonymous = (facts.flags & kFrameAnon) != 0;
  if (!anonymous || (facts.flags & (kFrameZeroPage | kFrameKsm)) != 0) return false;
  if (facts.map_count == kNotRead) return std::nullopt;
  if (IsOwnMapCount(kind, facts.flags)) return facts.map_count <= 1;
  // In a folio that others map, it may be their pages or this one.
  return word.mmap_exclusive() ? std::optional(true) : std::nullopt;
}

}  // namespace

const char* PageChangeName(PageChange change) {
  static constexpr const char* kNames[kPageChangeCount] = {
      "unchanged",         "flags_changed",    "migrated",
      "copied_on_write",   "merged",           "faulted_in",
      "dropped",           "swapped_out",      "swapped_in",
      "slot_moved",        "collapsed",        "split",
      "resized",           "inherited",        "left_to_parent",
      "maybe_swapped_out", "maybe_swapped_in", "recharged",
      "special_changed",   "incomparable",     "unread"};
  return kNames[static_cast<int>(change)];
}

PageChange MirrorOf(PageChange change) {
  static constexpr std::pair<PageChange, PageChange> kMirrors[] = {
      {PageChange::kCopiedOnWrite, PageChange::kMerged},
      {PageChange::kFaultedIn, PageChange::kDropped},
      {PageChange::kSwappedOut, PageChange::kSwappedIn},
      {PageChange::kCollapsed, PageChange::kSplit},
      {PageChange::kInherited, PageChange::kLeftToParent},
      {PageChange::kMaybeSwappedOut, PageChange::kMaybeSwappedIn}};
  for (const auto& [one, other] : kMirrors) {
    if (change == one) return other;
    if (change == other) return one;
  }
  return change;
}

PageClassifier::PageClassifier(const SnapshotInfo& before, const SnapshotInfo& after,
                               Comparability comparability, bool with_volatile)
    : before_(before),
      after_(after),
      comparability_(before.pfn_visible && after.pfn_visible ? comparability
                                                             : Comparability::kNothing),
      counted_flags_(with_volatile ? ~uint64_t{0} : ~kVolatileFrameFlags),
      counted_bits_(~(PageWord::kFieldMask | (with_volatile ? 0 : kVolatileWordBits))),
      with_volatile_(with_volatile) {}

bool PageClassifier::CanTell(PageChange change) const {
  const bool flags =
      before_.pfn_visible && before_.flags_read && after_.pfn_visible && after_.flags_read;
  const bool map_counts = before_.map_count_read && after_.map_count_read;
  switch (change) {
    case PageChange::kCollapsed:
    case PageChange::kSplit:
    case PageChange::kResized:
      return flags;
    case PageChange::kMigrated:
      return flags && comparability_ == Comparability::kFrames;
    case PageChange::kCopiedOnWrite:
    case PageChange::kMerged:
      return flags && map_counts && comparability_ == Comparability::kFrames;
    case PageChange::kSlotMoved:
      return comparability_ == Comparability::kFrames;
    case PageChange::kRecharged:
      return flags && before_.cgroup_read && after_.cgroup_read &&
             comparability_ != Comparability::kNothing;
    case PageChange::kFlagsChanged:
      return comparability_ != Comparability::kNothing;
    default:
      return true;
  }
}

std::optional<PageChange> PageClassifier::Classify(PageWord before, PageWord after,
                                                   const FrameFacts* before_facts,
                                                   const FrameFacts* after_facts,
                                                   FolioSize before_size,
                                                   FolioSize after_size) const {
  const PageState from = before_.decoder.State(before);
  const PageState to = after_.decoder.State(after);
  if (from == PageState::kPresent && to == PageState::kPresent) {
    return ClassifyPresent(before, after, before_facts, after_facts, before_size, after_size);
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
                                           const FrameFacts* after_facts, FolioSize before_size,
                                           FolioSize after_size) const {
  if (before_facts == nullptr || after_facts == nullptr || before_facts->flags == kNotRead ||
      after_facts->flags == kNotRead) {
    return PageChange::kIncomparable;
  }
  const bool same_frame = before.pfn() == after.pfn();
  if (comparability_ == Comparability::kFrames && !same_frame) {
    const std::optional<bool> was_own = IsOwn(before_.map_counts, before, *before_facts);
    const std::optional<bool> is_own = IsOwn(after_.map_counts, after, *after_facts);
    if (!was_own || !is_own) return PageChange::kIncomparable;
    if (*is_own && !*was_own) return PageChange::kCopiedOnWrite;
    if (*was_own && !*is_own) return PageChange::kMerged;
  }
  if (before_size != after_size &&
      (!same_frame || ((before_facts->flags ^ after_facts->flags) & kFolioFlags) != 0)) {
    if (after_size == FolioSize::kHuge) return PageChange::kCollapsed;
    return before_size == FolioSize::kHuge ? PageChange::kSplit : PageChange::kResized;
  }
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
