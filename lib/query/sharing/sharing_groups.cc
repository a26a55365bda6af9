#include "lib/query/sharing/sharing_groups.h"

#include <algorithm>
#include <map>

#include "lib/base/work_limit.h"
#include "lib/kernel/frame_flags.h"

namespace pagesnap {
namespace {

constexpr uint32_t kNone = ~uint32_t{0};

// Frames, or pages, between two looks at the clock.
constexpr uint32_t kFramesPerLook = 64;

}  // namespace

// Numbers the distinct sets, and counts the frames of each.
class SharingGroups::Interner {
 public:
  uint32_t Number(const Set& set) {
    auto [place, is_new] = numbers_.try_emplace(set, static_cast<uint32_t>(sets_.size()));
    if (is_new) {
      sets_.push_back(&place->first);
      frame_counts_.push_back(0);
    }
    return place->second;
  }
  // Returns the number of the union of these sets, which ascend and are two at least. Frames that
  // are mapped by the same contents come together.
  uint32_t Union(const std::vector<uint32_t>& numbers) {
    CheckWork();
    if (numbers == last_parts_) return last_union_;
    Set all;
    for (uint32_t number : numbers) all.insert(all.end(), set(number).begin(), set(number).end());
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    last_union_ = Number(all);
    last_parts_ = numbers;
    return last_union_;
  }
  void CountFrame(uint32_t number) { ++frame_counts_[number]; }

  [[nodiscard]] size_t size() const { return sets_.size(); }
  [[nodiscard]] const Set& set(uint32_t number) const { return *sets_[number]; }
  [[nodiscard]] uint64_t frame_count(uint32_t number) const { return frame_counts_[number]; }

 private:
  std::map<Set, uint32_t> numbers_;
  std::vector<const Set*> sets_;
  std::vector<uint64_t> frame_counts_;
  std::vector<uint32_t> last_parts_;
  uint32_t last_union_ = kNone;
};

SharingGroups::SharingGroups(AnalysisCache& cache, int64_t snapshot_id)
    : users_(cache.Of<FrameUserIndex>(snapshot_id)),
      set_of_content_(layout().contents().size(), kNone) {
  for (const MappingInfo& mapping : layout().mappings()) {
    if (process_ids_.empty() || process_ids_.back() != mapping.process_id) {
      process_ids_.push_back(mapping.process_id);
    }
    process_of_mapping_.push_back(static_cast<uint32_t>(process_ids_.size() - 1));
  }
  Interner interner;
  FindSets(&interner);
  MakeGroups(interner);
  CountPages();
  group_of_frame_ = {};
}

SharingGroups::Set SharingGroups::SetOf(size_t content) const {
  Set set;
  for (const ContentUse& use : layout().UsesOf(content)) {
    // Uses go by process.
    const uint32_t process = process_of_mapping_[use.mapping];
    if (set.empty() || set.back() != process) set.push_back(process);
  }
  return set;
}

void SharingGroups::FindSets(Interner* interner) {
  const FrameTable& frames = users_->frames();
  group_of_frame_.assign(frames.frame_count(), kNone);
  for (uint64_t first_pfn : frames.first_pfns()) {
    FindSetsOfChunk(first_pfn, interner);
  }
}

void SharingGroups::FindSetsOfChunk(uint64_t first_pfn, Interner* interner) {
  const FrameChunk& chunk = *users_->frames().Chunk(first_pfn);
  const FrameRanks& ranks = users_->ordinals().Ranks(first_pfn);
  uint32_t ordinal = users_->ordinals().FirstOf(first_pfn);
  std::vector<uint32_t> numbers;  // the sets of the frame's contents
  for (uint32_t i = ranks.NextFrom(0); i < kFramesPerChunk; i = ranks.NextFrom(i + 1), ++ordinal) {
    if (const uint64_t flags = chunk.at(i).flags; flags != kNotRead && !IsMemory(flags)) continue;
    if (i % kFramesPerLook == 0) CheckWork();
    numbers.clear();
    users_->ForEachPage(ordinal, [&](size_t content, uint32_t) {
      uint32_t& own = set_of_content_[content];
      if (own == kNone) own = interner->Number(SetOf(content));
      if (numbers.empty() || numbers.back() != own) numbers.push_back(own);
    });
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    if (numbers.empty()) continue;
    // Only the union that a frame ends up with gets a number: those on the way there are many.
    const uint32_t number = numbers.size() == 1 ? numbers.front() : interner->Union(numbers);
    group_of_frame_[ordinal] = number;
    interner->CountFrame(number);
  }
}

// From sets in the order in which they were found to groups in a lasting order.
void SharingGroups::MakeGroups(const Interner& interner) {
  std::vector<uint32_t> shared;
  for (uint32_t number = 0; number < interner.size(); ++number) {
    if (interner.set(number).size() > 1 && interner.frame_count(number) > 0) {
      shared.push_back(number);
    }
  }
  std::sort(shared.begin(), shared.end(), [&](uint32_t a, uint32_t b) {
    if (interner.frame_count(a) != interner.frame_count(b)) {
      return interner.frame_count(a) > interner.frame_count(b);
    }
    return interner.set(a) < interner.set(b);
  });
  std::vector<uint32_t> group_of_set(interner.size(), kNone);
  for (uint32_t number : shared) {
    group_of_set[number] = static_cast<uint32_t>(groups_.size());
    SharingGroup group{.frame_count = interner.frame_count(number)};
    for (uint32_t process : interner.set(number)) {
      group.process_ids.push_back(process_ids_[process]);
    }
    group.page_counts.assign(group.process_ids.size(), 0);
    groups_.push_back(std::move(group));
  }
  for (uint32_t& slot : group_of_frame_) {
    if (slot != kNone) slot = group_of_set[slot];
  }
}

void SharingGroups::CountPages() {
  // The pages of all contents as content << 32 | group: sorted, those of one content and group
  // stand together. A content mostly has pages of few groups, but can have as many groups as pages.
  constexpr size_t kMaxPages = size_t{4} << 20;
  std::vector<uint64_t> pages;
  for (uint32_t ordinal = 0; ordinal < group_of_frame_.size(); ++ordinal) {
    if (ordinal % kFramesPerLook == 0) CheckWork();
    const uint32_t group = group_of_frame_[ordinal];
    if (group == kNone) continue;
    users_->ForEachPage(ordinal, [&](size_t content, uint32_t) {
      pages.push_back(uint64_t{content} << 32 | group);
    });
    if (pages.size() >= kMaxPages) AddPages(&pages);
  }
  AddPages(&pages);
}

// Adds pages, as above, to the groups, and forgets them.
void SharingGroups::AddPages(std::vector<uint64_t>* pages) {
  std::sort(pages->begin(), pages->end());
  for (size_t first = 0; first < pages->size();) {
    const uint64_t key = (*pages)[first];
    size_t end = first;
    while (end < pages->size() && (*pages)[end] == key) ++end;
    SharingGroup& group = groups_[static_cast<uint32_t>(key)];
    for (const ContentUse& use : layout().UsesOf(key >> 32)) {
      const int64_t process_id = layout().mappings()[use.mapping].process_id;
      auto member =
          std::lower_bound(group.process_ids.begin(), group.process_ids.end(), process_id);
      group.page_counts[static_cast<size_t>(member - group.process_ids.begin())] += end - first;
    }
    CheckWork();
    first = end;
  }
  pages->clear();
}

}  // namespace pagesnap
