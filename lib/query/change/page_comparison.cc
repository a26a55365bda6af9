#include "lib/query/change/page_comparison.h"

#include <bit>
#include <utility>
#include <vector>

namespace pagesnap {

PageComparison::Side::Side(SnapshotReader& reader, const SnapshotInfo& info, LoadedFrames loaded)
    : snapshot(info),
      frames(loaded),
      kinds(info.release, info.page_size, loaded),
      family(reader, info.id),
      hidden_swap(reader),
      relatives(reader) {}

PageComparison::PageComparison(SnapshotReader& reader, ChangeAnalysis& analysis)
    : classifier_(analysis.classifier()),
      before_(reader, analysis.before(), analysis.before_frames()),
      after_(reader, analysis.after(), analysis.after_frames()) {}

void PageComparison::Enter(const MatchedRange& range, const ProcessMatch& process) {
  before_.process_id = process.before_id;
  before_.mapping_id = range.before_mapping_id;
  before_.first_page = range.before_page;
  after_.process_id = process.after_id;
  after_.mapping_id = range.after_mapping_id;
  after_.first_page = range.after_page;
  page_count_ = range.page_count;
  has_relatives_ = false;
}

void PageComparison::FindRelatives() {
  if (has_relatives_) return;
  has_relatives_ = true;
  std::vector<int64_t> before;
  std::vector<int64_t> after;
  uint64_t before_page = before_.first_page;  // where the relatives of `before_` have it
  uint64_t after_page = after_.first_page;
  if (classifier_.comparability() == Comparability::kFrames) {
    if (before_.process_id != 0 && after_.process_id != 0) {
      before = before_.family.RelativesOf(before_.process_id);
      after = after_.family.RelativesOf(after_.process_id);
      // Whoever has the frame of the other snapshot has it where that one had it.
      std::swap(before_page, after_page);
    } else {
      // A process that is new, or gone: its parent, earlier and later.
      const Side& own = before_.process_id != 0 ? before_ : after_;
      for (const auto& [side, parents] : {std::pair(&before_, &before), {&after_, &after}}) {
        const int64_t parent = side->family.ParentOf(own.family, own.process_id);
        if (parent != 0) parents->push_back(parent);
      }
      before_page = after_page = own.first_page;
    }
  }
  before_.relatives.Enter(before, before_page, before_page + page_count_ - 1);
  after_.relatives.Enter(after, after_page, after_page + page_count_ - 1);
}

bool PageComparison::KnowsMore(const ChangeCounts& counts) {
  const bool moved = counts[PageChange::kMigrated] > 0;
  const bool came = counts[PageChange::kFaultedIn] > 0;
  const bool went = counts[PageChange::kDropped] > 0;
  const auto hides_swap = [](Side& side) {
    return side.mapping_id != 0 &&
           side.hidden_swap.Of(side.process_id, side.mapping_id, side.snapshot.page_size) !=
               AbsentInSwap::kNone;
  };
  if ((came && hides_swap(before_)) || (went && hides_swap(after_))) return true;
  const bool one_sided = before_.process_id == 0 || after_.process_id == 0;
  if (!moved && !one_sided) return false;
  FindRelatives();
  return !before_.relatives.empty() || !after_.relatives.empty();
}

// Returns whether a fork is the only way in which two processes come to such a page at one address.
bool PageComparison::IsPrivate(const Side& side, PageWord word) {
  if (!word.present()) return side.snapshot.decoder.State(word) == PageState::kSwapped;
  const FrameFacts* facts = FactsOf(side, word);
  return (word.raw() & PageWord::kFile) == 0 && facts != nullptr && facts->flags != kNotRead &&
         (facts->flags & kFrameAnon) != 0 && (facts->flags & kFrameKsm) == 0 &&
         IsMemory(facts->flags);
}

std::optional<uint64_t> PageComparison::FolioFrames(const Side& side, PageWord page) {
  const auto has = [&](uint64_t pfn, uint64_t flags) {
    const FrameFacts* facts = side.frames.Find(pfn);
    return facts != nullptr && facts->flags != kNotRead && (facts->flags & flags) != 0;
  };
  if (!has(page.pfn(), kFrameCompoundHead | kFrameCompoundTail)) return 1;
  // Where a folio ends, older captures do not say.
  if (!side.snapshot.folio_ends_read) return std::nullopt;
  const uint64_t max_frames = side.snapshot.pmd_pages();
  uint64_t head = page.pfn();
  while (has(head, kFrameCompoundTail) && head % max_frames != 0) --head;
  if (!has(head, kFrameCompoundHead)) return std::nullopt;
  uint64_t end = page.pfn() + 1;
  while (end < head + max_frames && has(end, kFrameCompoundTail)) ++end;
  const uint64_t count = end - head;
  return std::has_single_bit(count) && head % count == 0 ? std::optional(count) : std::nullopt;
}

PageChange PageComparison::ClassifyMoved(uint64_t offset, PageWord before, PageWord after) {
  FindRelatives();
  if (before_.relatives.empty() && after_.relatives.empty()) return PageChange::kMigrated;
  if (!IsPrivate(before_, before) || !IsPrivate(after_, after)) return PageChange::kMigrated;
  const bool left = after_.relatives.Has(before_.first_page + offset, before);
  const bool joined = before_.relatives.Has(after_.first_page + offset, after);
  if (left == joined) return PageChange::kMigrated;
  return left ? PageChange::kCopiedOnWrite : PageChange::kMerged;
}

// Of a page that is populated in one snapshot alone, the later one if it is new.
PageChange PageComparison::ClassifyOneSided(uint64_t offset, PageWord word, bool is_new) {
  Side& own = is_new ? after_ : before_;
  Side& other = is_new ? before_ : after_;
  if (other.process_id == 0) {
    FindRelatives();
    const uint64_t page = own.first_page + offset;
    if (IsPrivate(own, word) &&
        (before_.relatives.Has(page, word) || after_.relatives.Has(page, word))) {
      return is_new ? PageChange::kInherited : PageChange::kLeftToParent;
    }
  } else if (other.mapping_id != 0 && word.present() &&
             own.kinds.Of(word, FactsOf(own, word)) == MemoryKind::kShmem) {
    const AbsentInSwap absent =
        other.hidden_swap.Of(other.process_id, other.mapping_id, other.snapshot.page_size);
    if (absent == AbsentInSwap::kAll) {
      return is_new ? PageChange::kSwappedIn : PageChange::kSwappedOut;
    }
    if (absent == AbsentInSwap::kSome) {
      return is_new ? PageChange::kMaybeSwappedIn : PageChange::kMaybeSwappedOut;
    }
  }
  return is_new ? PageChange::kFaultedIn : PageChange::kDropped;
}

std::optional<PageChange> PageComparison::ClassifyAlone(PageWord before, PageWord after) {
  const FrameFacts* from = FactsOf(before_, before);
  const FrameFacts* to = FactsOf(after_, after);
  return classifier_.Classify(before, after, from, to, before_.kinds.SizeOf(before, from),
                              after_.kinds.SizeOf(after, to));
}

PageChange PageComparison::LookFurther(PageChange change, uint64_t offset, PageWord before,
                                       PageWord after) {
  if (change == PageChange::kMigrated) return ClassifyMoved(offset, before, after);
  if (change == PageChange::kFaultedIn) return ClassifyOneSided(offset, after, true);
  if (change == PageChange::kDropped) return ClassifyOneSided(offset, before, false);
  return change;
}

std::optional<PageChange> PageComparison::Classify(uint64_t offset, PageWord before,
                                                   PageWord after) {
  const std::optional<PageChange> change = ClassifyAlone(before, after);
  return change ? std::optional(LookFurther(*change, offset, before, after)) : std::nullopt;
}

void PageComparison::Correct(uint64_t offset, PageWord before, PageWord after,
                             ChangeCounts* counts) {
  const bool is_one_sided = before.populated() != after.populated();
  const bool is_moved = before.present() && after.present() && before.pfn() != after.pfn();
  if (!is_one_sided && !is_moved) return;
  const std::optional<PageChange> alone = ClassifyAlone(before, after);
  if (!alone) return;
  const PageChange change = LookFurther(*alone, offset, before, after);
  --(*counts)[*alone];
  ++(*counts)[change];
}

}  // namespace pagesnap
