#include "lib/query/usage/swap_usage.h"

#include <algorithm>
#include <mutex>

#include "lib/query/scan/content_scan.h"
#include "lib/store/frames/usage_sums.h"

namespace pagesnap {
namespace {

size_t BucketOf(uint64_t field) { return field * 0x9e3779b97f4a7c15 >> 56; }

}  // namespace

SwapUsages::SwapUsages(AnalysisCache& cache, const Request& request)
    : snapshot_(cache.reader().snapshot(request.snapshot_id)),
      layout_(cache.reader(), request.snapshot_id, LayoutPages::kSwapFormat),
      groups_(cache.Between<ProcessGroups>(request)),
      owners_(layout_, *groups_),
      parts_(layout_.contents().size()) {
  SnapshotReader& reader = cache.reader();
  PlaceContents();
  {
    std::vector<SlotLists> slots(WorkerCount(), SlotLists(kBuckets));
    FindParts(reader, &slots);
    FindRepeated(&slots);
  }
  ShareAlone();
  ShareRepeated(reader, CountUsers(reader));
  repeated_ = {};
}

void SwapUsages::PlaceContents() {
  for (size_t content = 0; content < layout_.contents().size(); ++content) {
    for (const ContentUse& use : layout_.UsesOf(content)) {
      places_.push_back({use.mapping, use.first_page, static_cast<uint32_t>(content)});
    }
  }
  std::sort(places_.begin(), places_.end(), [](const Place& a, const Place& b) {
    return a.mapping != b.mapping ? a.mapping < b.mapping : a.first_page < b.first_page;
  });
}

void SwapUsages::FindParts(SnapshotReader& reader, std::vector<SlotLists>* slots) {
  ForEachContent(reader, layout_.contents(), OnDamage::kThrow,
                 [&](size_t content, std::span<const uint64_t> words, size_t worker) {
                   AddWords(content, words, &(*slots)[worker]);
                 });
}

void SwapUsages::AddWords(size_t content, std::span<const uint64_t> words, SlotLists* slots) {
  std::vector<Part>& parts = parts_[content];
  Part* part = nullptr;  // of the page before
  for (size_t i = 0; i < words.size(); ++i) {
    const PageWord word(words[i]);
    if (!word.swap_format()) continue;
    const PageState state = snapshot_.decoder.State(word);
    const bool has_slot = state == PageState::kSwapped && snapshot_.pfn_visible;
    const auto type = static_cast<uint8_t>(word.swap_type());
    const uint64_t slot = has_slot ? word.swap_offset() : 0;
    auto is_of = [&](const Part& one) {
      return one.usage.state == state && one.usage.swap_type == type;
    };
    if (part == nullptr || !is_of(*part)) {
      const auto found = std::find_if(parts.begin(), parts.end(), is_of);
      part = found != parts.end() ? &*found : nullptr;
    }
    if (part == nullptr) {
      part = &parts.emplace_back(
          Part{{.state = state, .swap_type = type, .first_page = i}, i, slot, slot});
      part->usage.run_count = 1;
    } else if (i != part->last_index + 1 || (has_slot && slot != part->last_slot + 1)) {
      ++part->usage.run_count;
    }
    ++part->usage.page_count;
    part->last_index = i;
    part->last_slot = slot;
    if (has_slot) {
      const uint64_t field = word.raw() & PageWord::kFieldMask;
      (*slots)[BucketOf(field)].push_back(field);
    }
  }
}

// Pages in one slot come from different threads' lists, but from the same bucket of them.
void SwapUsages::FindRepeated(std::vector<SlotLists>* slots) {
  std::vector<SlotLists> found(WorkerCount(), SlotLists(1));
  size_t next = 0;
  auto fetch = [&](size_t* bucket) {
    *bucket = next++;
    return *bucket < kBuckets;
  };
  RunPipeline<size_t>(fetch, [&](size_t bucket, size_t worker) {
    std::vector<uint64_t> fields = std::move((*slots)[0][bucket]);
    for (size_t i = 1; i < slots->size(); ++i) {
      std::vector<uint64_t>& more = (*slots)[i][bucket];
      fields.insert(fields.end(), more.begin(), more.end());
      more = {};
    }
    std::sort(fields.begin(), fields.end());
    for (size_t i = 1; i < fields.size(); ++i) {
      const bool again = fields[i] == fields[i - 1];
      if (again && (i == 1 || fields[i - 1] != fields[i - 2]))
        found[worker][0].push_back(fields[i]);
    }
  });
  for (const SlotLists& of_worker : found) {
    for (uint64_t field : of_worker[0]) repeated_.push_back({field, 0, {}});
  }
  std::sort(repeated_.begin(), repeated_.end(),
            [](const Slot& a, const Slot& b) { return a.field < b.field; });
}

// Calls visit(part, slot) for each page of these whose slot other pages of the contents have too.
template <typename Visit>
void SwapUsages::ForEachRepeated(std::span<const uint64_t> words, const Visit& visit) const {
  size_t next = 0;  // neighbours mostly are in consecutive slots
  for (uint64_t raw : words) {
    const PageWord word(raw);
    if (!word.swap_format() || snapshot_.decoder.State(word) != PageState::kSwapped) continue;
    const uint64_t field = raw & PageWord::kFieldMask;
    if (next >= repeated_.size() || repeated_[next].field != field) {
      const auto found =
          std::lower_bound(repeated_.begin(), repeated_.end(), field,
                           [](const Slot& slot, uint64_t wanted) { return slot.field < wanted; });
      next = static_cast<size_t>(found - repeated_.begin());
      if (found == repeated_.end() || found->field != field) continue;
    }
    visit(word, next++);
  }
}

// Returns the contents that have such slots, ascending.
std::vector<size_t> SwapUsages::CountUsers(SnapshotReader& reader) {
  std::vector<size_t> contents;
  if (repeated_.empty()) return contents;
  std::vector<Hit> all_hits;
  std::mutex mutex;
  ForEachContent(reader, layout_.contents(), OnDamage::kThrow,
                 [&](size_t content, std::span<const uint64_t> words, size_t) {
                   std::vector<size_t> hits;
                   ForEachRepeated(words, [&](PageWord, size_t slot) { hits.push_back(slot); });
                   if (hits.empty()) return;
                   const std::lock_guard lock(mutex);
                   contents.push_back(content);
                   for (size_t hit : hits) {
                     all_hits.push_back({hit, content});
                     repeated_[hit].page_count += layout_.UsesOf(content).size();
                     repeated_[hit].owner.Add(owners_.OwnerOf(content));
                   }
                 });
  std::sort(contents.begin(), contents.end());
  CountSlots(&all_hits);
  return contents;
}

// Corrects the counts of slots, to which each page was added as if it had a slot of its own.
void SwapUsages::CountSlots(std::vector<Hit>* hits) {
  std::sort(hits->begin(), hits->end());
  std::vector<int64_t> groups;  // of one slot
  for (size_t i = 0; i < hits->size(); ++i) {
    const Hit& hit = (*hits)[i];
    for (const int64_t group : owners_.GroupsOf(hit.content)) {
      --slot_counts_[group];
      groups.push_back(group);
    }
    if (i + 1 < hits->size() && (*hits)[i + 1].slot == hit.slot) continue;
    std::sort(groups.begin(), groups.end());
    groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
    for (const int64_t group : groups) ++slot_counts_[group];
    groups.clear();
  }
}

uint64_t SwapUsages::SlotCountOf(int64_t group_id) const {
  const auto found = slot_counts_.find(group_id);
  return found == slot_counts_.end() ? 0 : found->second;
}

void SwapUsages::AddShare(uint64_t page_count, uint64_t users, Owner owner,
                          SwapUsage* usage) const {
  const uint64_t share = (snapshot_.page_size << kPssShift) / users * page_count;
  usage->pss += share;
  usage->uss += owner.is_several() ? 0 : share;
  usage->shared_page_count += owner.is_several() ? page_count : 0;
}

// As if no slot were repeated: a page's slot is then that of all who have its content.
void SwapUsages::ShareAlone() {
  if (!snapshot_.pfn_visible) return;
  for (size_t content = 0; content < parts_.size(); ++content) {
    const uint64_t users = layout_.UsesOf(content).size();
    const std::vector<int64_t> groups = owners_.GroupsOf(content);
    for (Part& part : parts_[content]) {
      if (part.usage.state != PageState::kSwapped) continue;
      for (const int64_t group : groups) slot_counts_[group] += part.usage.page_count;
      AddShare(part.usage.page_count, users, owners_.OwnerOf(content), &part.usage);
    }
  }
}

// Corrects that for the slots that are.
void SwapUsages::ShareRepeated(SnapshotReader& reader, const std::vector<size_t>& contents) {
  std::vector<int64_t> ids;
  for (size_t content : contents) ids.push_back(layout_.contents()[content]);
  ForEachContent(reader, ids, OnDamage::kThrow,
                 [&](size_t index, std::span<const uint64_t> words, size_t) {
                   ShareRepeatedOf(contents[index], words);
                 });
}

void SwapUsages::ShareRepeatedOf(size_t content, std::span<const uint64_t> words) {
  const bool is_shared = owners_.OwnerOf(content).is_several();
  const uint64_t alone = (snapshot_.page_size << kPssShift) / layout_.UsesOf(content).size();
  Part* parts[32] = {};  // by swap type
  for (Part& part : parts_[content]) {
    if (part.usage.state == PageState::kSwapped) parts[part.usage.swap_type] = &part;
  }
  ForEachRepeated(words, [&](PageWord word, size_t place) {
    SwapUsage& usage = parts[word.swap_type()]->usage;
    usage.pss -= alone;  // what ShareAlone() gave
    usage.uss -= is_shared ? 0 : alone;
    usage.shared_page_count -= is_shared ? 1 : 0;
    const Slot& slot = repeated_[place];
    AddShare(1, slot.page_count, slot.owner, &usage);
  });
}

std::vector<SwapUsage> SwapUsages::Of(const MappingInfo& mapping) const {
  const size_t index = layout_.IndexOf(mapping);
  auto first = std::partition_point(places_.begin(), places_.end(),
                                    [&](const Place& one) { return one.mapping < index; });
  std::vector<SwapUsage> usages;
  struct End {
    uint64_t page;
    uint64_t slot;
  };
  std::vector<End> ends;  // of each usage
  for (; first != places_.end() && first->mapping == index; ++first) {
    for (const Part& part : parts_[first->content]) {
      size_t i = 0;
      while (i < usages.size() &&
             (usages[i].state != part.usage.state || usages[i].swap_type != part.usage.swap_type)) {
        ++i;
      }
      if (i == usages.size()) {
        usages.push_back({.state = part.usage.state,
                          .swap_type = part.usage.swap_type,
                          .first_page = first->first_page + part.usage.first_page});
        ends.emplace_back();
      } else if (ends[i].page + 1 == first->first_page + part.usage.first_page &&
                 (part.usage.state != PageState::kSwapped || !snapshot_.pfn_visible ||
                  ends[i].slot + 1 == part.first_slot)) {
        --usages[i].run_count;  // a run goes on beyond the end of a content
      }
      SwapUsage& sum = usages[i];
      sum.page_count += part.usage.page_count;
      sum.run_count += part.usage.run_count;
      sum.shared_page_count += part.usage.shared_page_count;
      sum.pss += part.usage.pss;
      sum.uss += part.usage.uss;
      ends[i] = {first->first_page + part.last_index, part.last_slot};
    }
  }
  return usages;
}

}  // namespace pagesnap
