#include "lib/query/sharing/mapping_fates.h"

#include <algorithm>

#include "lib/kernel/frame_flags.h"
#include "lib/query/sharing/frame_user_index.h"
#include "lib/query/sharing/mapping_origin.h"
#include "lib/query/sharing/slot_holders.h"

namespace pagesnap {
namespace {

// There are few fates in one mapping.
void AddFate(FrameFate fate, uint64_t frames, std::vector<FateCount>* counts) {
  for (FateCount& count : *counts) {
    if (count.fate != fate) continue;
    count.frames += frames;
    return;
  }
  counts->push_back({fate, frames});
}

// What is the same for all pages of a content: who maps it.
struct ContentUsers {
  uint64_t use_count;
  ContentUse first;
  Owner owner;
  // The frames that several processes map, all of them as this content only.
  std::vector<FateCount> shared;
};

// Who maps one frame.
struct FrameUsers {
  uint64_t content_pages = 0;  // pages of distinct contents
  uint64_t page_count = 0;
  size_t content = 0;  // the last of them
  uint32_t first_mapping = ~uint32_t{0};
  uint64_t first_page = 0;  // virtual page number in that mapping
  Owner owner;

  void Add(const ContentUsers& users, size_t index, uint64_t page) {
    ++content_pages;
    page_count += users.use_count;
    content = index;
    page += users.first.first_page;
    if (users.first.mapping < first_mapping ||
        (users.first.mapping == first_mapping && page < first_page)) {
      first_mapping = users.first.mapping;
      first_page = page;
    }
    owner.Add(users.owner);
  }
};

class FateFinder {
 public:
  FateFinder(SnapshotReader& reader, int64_t snapshot_id, const FrameUserIndex& users)
      : layout_(users.layout()),
        users_(users),
        release_(reader.snapshot(snapshot_id).release),
        origins_(OriginsOf(reader, snapshot_id, layout_)),
        first_of_process_(origins_.empty() ? 0 : origins_.back().process + 1, kNone),
        of_mapping_(layout_.mappings().size()) {
    for (size_t i = 0; i < layout_.contents().size(); ++i) {
      const auto uses = layout_.UsesOf(i);  // a content is there for its uses
      contents_.push_back({uses.size(), uses.front(), layout_.OwnerOf(i), {}});
    }
  }

  void AddChunk(uint64_t first_pfn) {
    const FrameChunk& chunk = *users_.frames().Chunk(first_pfn);
    uint32_t ordinal = users_.ordinals().FirstOf(first_pfn);
    users_.ordinals().Ranks(first_pfn).ForEach(
        [&](uint32_t index) { AddFrame(chunk.at(index), ordinal++); });
  }

  // Decides about the frames in the swap cache, of which another process may hold the slot.
  void AddSwapCache(SnapshotReader& reader, int64_t snapshot_id) {
    if (in_swap_cache_.empty()) return;
    const SlotHolders holders(reader, snapshot_id, in_swap_cache_);
    for (const SlotPage& page : in_swap_cache_) {
      FrameFate fate = FateOf(page.flags);
      fate.at_exit = holders.HasOther(page) ? ExitFate::kKept : ExitFate::kUnknown;
      AddFate(fate, 1, &of_mapping_[page.mapping]);
    }
  }

  std::vector<std::vector<FateCount>> Take() {
    for (size_t i = 0; i < contents_.size(); ++i) {
      if (!contents_[i].shared.empty()) AddContent(i);
    }
    for (std::vector<FateCount>& counts : of_mapping_) {
      std::ranges::sort(counts, {}, &FateCount::fate);
    }
    return std::move(of_mapping_);
  }

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};

  // Gives what was counted by content to the first mapping of each process that has it.
  void AddContent(size_t content) {
    uint32_t process = kNone;
    for (const ContentUse& use : layout_.UsesOf(content)) {  // by process
      if (origins_[use.mapping].process == process) continue;
      process = origins_[use.mapping].process;
      for (const FateCount& count : contents_[content].shared) {
        AddFate(count.fate, count.frames, &of_mapping_[use.mapping]);
      }
    }
  }

  // A frame's fate as far as its flags say it: the rest assumes that others map it, too.
  [[nodiscard]] FrameFate FateOf(uint64_t flags) const {
    const ReclaimPrice price = ReclaimPriceOf(flags, release_);
    return {ExitFate::kKept, price, IsCold(flags, price)};
  }

  void AddFrame(const FrameFacts& facts, uint32_t ordinal) {
    const bool flags_read = facts.flags != kNotRead;
    if (flags_read && !IsMemory(facts.flags)) return;
    FrameUsers frame;
    users_.ForEachPage(ordinal, [&](size_t content, uint32_t page) {
      frame.Add(contents_[content], content, page);
    });
    if (frame.page_count == 0) return;
    FrameFate fate;
    if (flags_read) fate = FateOf(facts.flags);
    const bool read = flags_read && facts.map_count != kNotRead;
    if (!read) fate.at_exit = ExitFate::kUnread;
    if (frame.owner.is_several()) {
      AddShared(frame, ordinal, fate);
      return;
    }
    const MappingOrigin& origin = origins_[frame.first_mapping];
    if (read) {
      const bool alone = facts.map_count <= frame.page_count && !origin.is_of_several;
      fate.at_exit = FateAtExit(facts.flags, release_, alone, origin.name);
      if (fate.at_exit == ExitFate::kUnknown && (facts.flags & kFrameAnon) != 0) {
        in_swap_cache_.push_back(
            {frame.first_page, facts.flags, frame.first_mapping, frame.owner.process_id()});
        return;
      }
    }
    AddFate(fate, 1, &of_mapping_[frame.first_mapping]);
  }

  // A frame that several processes have counts in the first mapping of each.
  void AddShared(const FrameUsers& frame, uint32_t ordinal, FrameFate fate) {
    if (frame.content_pages == 1) {
      AddFate(fate, 1, &contents_[frame.content].shared);
      return;
    }
    users_.ForEachPage(ordinal, [&](size_t content, uint32_t) {
      for (const ContentUse& use : layout_.UsesOf(content)) {
        uint32_t& first = first_of_process_[origins_[use.mapping].process];
        if (first == kNone) processes_.push_back(origins_[use.mapping].process);
        first = std::min(first, use.mapping);
      }
    });
    for (uint32_t process : processes_) {
      AddFate(fate, 1, &of_mapping_[first_of_process_[process]]);
      first_of_process_[process] = kNone;
    }
    processes_.clear();
  }

  const SnapshotLayout& layout_;
  const FrameUserIndex& users_;
  KernelRelease release_;
  std::vector<MappingOrigin> origins_;
  std::vector<uint32_t> first_of_process_;  // of one frame: the first mapping of each process
  std::vector<uint32_t> processes_;         // that have one there
  std::vector<ContentUsers> contents_;
  std::vector<std::vector<FateCount>> of_mapping_;
  std::vector<SlotPage> in_swap_cache_;  // frames that were shared once
};

}  // namespace

MappingFates::MappingFates(AnalysisCache& cache, int64_t snapshot_id)
    : layout_(cache.Of<SnapshotLayout>(snapshot_id)) {
  const auto users = cache.Of<FrameUserIndex>(snapshot_id);
  FateFinder finder(cache.reader(), snapshot_id, *users);
  for (uint64_t first_pfn : users->frames().first_pfns()) finder.AddChunk(first_pfn);
  finder.AddSwapCache(cache.reader(), snapshot_id);
  of_mapping_ = finder.Take();
}

}  // namespace pagesnap
