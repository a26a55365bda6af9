#include "lib/query/change/fork_usage.h"

#include <algorithm>
#include <map>

#include "lib/base/work_limit.h"
#include "lib/kernel/frame_flags.h"
#include "lib/query/change/forked_processes.h"
#include "lib/query/change/words_of_others.h"
#include "lib/query/scan/page_gaps.h"

namespace pagesnap {
namespace {

// What a page is to a fork.
enum class PageKind : uint8_t { kNone, kPrivate, kFile };

bool Contains(const MappingInfo& mapping, uint64_t page) {
  return page >= mapping.first_page && page - mapping.first_page < mapping.page_count;
}

// Counts the pages of one child and its parent.
class ForkCounter {
 public:
  ForkCounter(AnalysisCache& cache, const SnapshotInfo& snapshot,
              const ForkedProcesses::Child& child)
      : reader_(cache.reader()),
        snapshot_(snapshot),
        frames_(reader_.Frames(snapshot.id)),
        gaps_(cache.OfAll<PageGaps>()),
        child_(child),
        other_(reader_),
        older_(reader_),
        siblings_(reader_) {
    older_ids_ = child.older_siblings;
    sibling_ids_ = child.older_siblings;
    sibling_ids_.insert(sibling_ids_.end(), child.younger_siblings.begin(),
                        child.younger_siblings.end());
    if (child.grandparent_id != 0) {
      older_ids_.push_back(child.grandparent_id);
      sibling_ids_.push_back(child.grandparent_id);
    }
    older_ids_.insert(older_ids_.end(), child.children.begin(), child.children.end());
  }

  // Adds the rows of the child; none where it shares nothing with the parent, so that it was not
  // forked by it.
  void AddTo(std::vector<ForkUsage>* rows) {
    own_ = reader_.Mappings(child_.process_id, {});
    const std::vector<MappingInfo> parents = reader_.Mappings(child_.parent_id, {});
    auto was_read = [&](const MappingInfo& one) { return gaps_->ReasonFor(one).empty(); };
    const bool parent_was_read = std::ranges::all_of(parents, was_read);
    for (const MappingInfo& mapping : own_) {
      usages_.push_back({child_.process_id, child_.parent_id, mapping.id, false,
                         parent_was_read && was_read(mapping)});
    }
    for (size_t i = 0; i < own_.size(); ++i) CountOwn(own_[i], &usages_[i]);
    for (const MappingInfo& mapping : parents) {
      ForkUsage usage = {child_.process_id, child_.parent_id, mapping.id, true, was_read(mapping)};
      CountParents(mapping, &usage);
      usages_.push_back(usage);
    }
    const auto is_shared = [](const ForkUsage& usage) {
      return Count(usage, ForkFate::kShared) > 0;
    };
    if (std::ranges::none_of(usages_, is_shared)) return;
    for (const ForkUsage& usage : usages_) {
      if (std::ranges::any_of(usage.counts, [](uint64_t count) { return count > 0; })) {
        rows->push_back(usage);
      }
    }
  }

 private:
  static uint64_t& Count(ForkUsage& usage, ForkFate fate) {
    return usage.counts[static_cast<size_t>(fate)];
  }
  static uint64_t Count(const ForkUsage& usage, ForkFate fate) {
    return usage.counts[static_cast<size_t>(fate)];
  }

  const FrameFacts& FactsOf(PageWord word) {
    static constexpr FrameFacts kUnread = {kNotRead, kNotRead, kNotRead};
    const FrameFacts* facts = frames_->Find(word.pfn());
    return facts != nullptr ? *facts : kUnread;
  }
  PageKind KindOf(PageWord word) {
    if (word.present()) {
      if ((word.raw() & PageWord::kFile) != 0) return PageKind::kFile;
      const uint64_t flags = FactsOf(word).flags;
      if (flags == kNotRead) return PageKind::kPrivate;
      if (!IsMemory(flags)) return PageKind::kNone;
      // Before 6.11 the bit is missing where a PMD maps a file.
      return (flags & kFrameAnon) != 0 ? PageKind::kPrivate : PageKind::kFile;
    }
    const bool is_swapped = ClassOf(snapshot_.decoder.State(word)) == PageClass::kSwapped;
    return is_swapped ? PageKind::kPrivate : PageKind::kNone;
  }

  // Calls visit(page, word) for each populated page of a mapping.
  template <typename Visit>
  void ForEachPage(const MappingInfo& mapping, const Visit& visit) {
    for (const ChunkInfo& chunk : reader_.Chunks(mapping)) {
      CheckWork();
      const auto words = reader_.SharedWords(chunk.content_id);
      const uint64_t first_page = mapping.first_page + chunk.first_page;
      for (size_t i = 0; i < words->size(); ++i) {
        if ((*words)[i] != 0) visit(first_page + i, PageWord((*words)[i]));
      }
    }
  }

  void CountOwn(const MappingInfo& mapping, ForkUsage* usage) {
    const uint64_t last_page = mapping.first_page + mapping.page_count - 1;
    other_.Enter({child_.parent_id}, mapping.first_page, last_page);
    older_.Enter(older_ids_, mapping.first_page, last_page);
    siblings_.Enter(sibling_ids_, mapping.first_page, last_page);
    ForEachPage(mapping, [&](uint64_t page, PageWord word) {
      const PageKind kind = KindOf(word);
      if (kind != PageKind::kNone) ++Count(*usage, FateOf(page, word, kind));
    });
  }

  ForkFate FateOf(uint64_t page, PageWord child, PageKind kind) {
    const PageWord parent = other_.At(0, page);
    const PageKind parents = KindOf(parent);
    if (kind == PageKind::kFile) {
      // The fork copied what the parent had copied before.
      return parents == PageKind::kPrivate ? ForkFate::kParentCopied : ForkFate::kFile;
    }
    if (parents == PageKind::kNone) return ForkFate::kChildOnly;
    if (parents == PageKind::kFile) return ForkFate::kChildCopied;
    if (WordsOfOthers::AreSame(child, parent)) return ForkFate::kShared;
    const ForkFate seen = CopierOf({older_.Has(page, parent), siblings_.Has(page, child)});
    if (seen != ForkFate::kDiffers || !child.present() || !parent.present()) return seen;
    return CopierOf(FactsOf(child), FactsOf(parent), snapshot_.release);
  }

  // Counts what the parent alone has, in the mapping of the child if it has one there.
  void CountParents(const MappingInfo& mapping, ForkUsage* usage) {
    const uint64_t last_page = mapping.first_page + mapping.page_count - 1;
    other_.Enter({child_.process_id}, mapping.first_page, last_page);
    size_t next = 0;
    ForEachPage(mapping, [&](uint64_t page, PageWord word) {
      if (KindOf(word) != PageKind::kPrivate) return;
      if (KindOf(other_.At(0, page)) != PageKind::kNone) return;
      while (next < own_.size() && own_[next].first_page + own_[next].page_count <= page) ++next;
      const bool is_mapped = next < own_.size() && Contains(own_[next], page);
      ++Count(is_mapped ? usages_[next] : *usage, ForkFate::kParentOnly);
    });
  }

  SnapshotReader& reader_;
  const SnapshotInfo& snapshot_;
  std::shared_ptr<FrameTable> frames_;
  std::shared_ptr<const PageGaps> gaps_;
  const ForkedProcesses::Child& child_;
  std::vector<int64_t> older_ids_;    // ForkWitnesses::older_has_parents is about these
  std::vector<int64_t> sibling_ids_;  // likewise sibling_has_childs
  WordsOfOthers other_;               // the parent, or the child
  WordsOfOthers older_;
  WordsOfOthers siblings_;
  std::vector<MappingInfo> own_;   // of the child
  std::vector<ForkUsage> usages_;  // of these first
};

}  // namespace

ForkUsages::ForkUsages(AnalysisCache& cache, int64_t snapshot_id) {
  const SnapshotInfo& snapshot = cache.reader().snapshot(snapshot_id);
  if (!snapshot.pfn_visible) return;
  const ForkedProcesses forked(cache.reader(), snapshot_id);
  for (const ForkedProcesses::Child& child : forked.children()) {
    ForkCounter(cache, snapshot, child).AddTo(&rows_);
  }
}

}  // namespace pagesnap
