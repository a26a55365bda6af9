#include "lib/query/sharing/mapping_fates.h"

#include <algorithm>

#include "lib/kernel/frame_flags.h"
#include "lib/query/scan/capture_scope.h"
#include "lib/query/scan/group_layout.h"
#include "lib/query/sharing/mapped_frames.h"
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

// What was counted of frames: of those of one group, all in one mapping.
struct FrameSums {
  std::vector<FateCount> counts = {};
  std::vector<FateCount> of_file =
      {};  // of a file without a name, whose fate is decided as a whole
  GroupFrames frames = {};
  bool holds_file = false;  // somebody else maps one of these
  std::vector<SlotPage> in_swap_cache =
      {};  // frames that were shared once, and are in no count yet
};

// What is the same for all pages of a content: who maps it.
struct ContentUsers {
  uint64_t use_count;
  ContentUse first;
  Owner owner;
  FrameSums sums = {};  // of its frames that have no other page
};

// What the frames of a file without a name have in common that one group alone maps.
struct FileFates {
  uint64_t frames = 0;            // that are mapped
  bool is_held = false;           // somebody else maps one of them
  bool is_unread = false;         // of one it is unknown
  std::vector<FateCount> counts;  // of the mapped frames, each fate once
};

// Who maps one frame.
struct FrameUsers {
  uint64_t page_count = 0;
  uint32_t first_mapping = ~uint32_t{0};
  uint64_t first_page = 0;  // virtual page number in that mapping
  Owner owner;

  void Add(const ContentUsers& users, uint64_t page) {
    page_count += users.use_count;
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
  FateFinder(SnapshotReader& reader, const ProcessGroups& groups, const SnapshotLayout& layout)
      : snapshot_(reader.snapshot(groups.request().snapshot_id)),
        layout_(layout),
        scope_(reader, snapshot_.id),
        of_first_(layout_.mappings().size()) {
    const GroupLayout owners(layout_, groups);
    all_origins_ = OriginsOf(reader, snapshot_.id, layout_, owners);
    files_.resize(all_origins_.files.size());
    of_group_.resize(all_origins_.group_ids.size());
    first_of_group_.assign(all_origins_.group_ids.size(), kNone);
    for (size_t i = 0; i < layout_.contents().size(); ++i) {
      const auto uses = layout_.UsesOf(i);  // a content is there for its uses
      contents_.push_back({uses.size(), uses.front(), owners.OwnerOf(i)});
    }
  }

  // For MappedFrames::ForEach().
  static constexpr bool kNeedsFacts = true;
  // Of a frame in the swap cache the slot may have other holders.
  static bool NeedsPage(const FrameFacts& facts) {
    return facts.flags != kNotRead && (facts.flags & kFrameSwapCache) != 0;
  }
  void OfOne(ContentPage page, const FrameFacts& facts, bool is_exclusive, uint64_t frame_count) {
    ContentUsers& users = contents_[page.content];
    FrameUsers frame;
    frame.Add(users, page.index);
    AddFrames(facts, frame, is_exclusive, frame_count, &users.sums);
  }

  void OfSeveral(std::span<const ContentPage> pages, const FrameFacts& facts, bool is_exclusive) {
    FrameUsers frame;
    for (const ContentPage& page : pages) frame.Add(contents_[page.content], page.index);
    if (frame.owner.is_one()) {
      AddFrames(facts, frame, is_exclusive, 1, &of_first_[frame.first_mapping]);
      return;
    }
    one_.counts.clear();
    one_.frames = {};
    AddFrames(facts, frame, is_exclusive, 1, &one_);
    for (const ContentPage& page : pages) NoteGroups(page.content);
    AddToGroups(one_);
  }

  // Puts together what was counted. `reader` and `groups` are those of the constructor.
  std::vector<std::vector<FateCount>> Take(SnapshotReader& reader, const ProcessGroups& groups,
                                           std::unordered_map<int64_t, GroupFrames>* of_group) {
    for (size_t i = 0; i < contents_.size(); ++i) AddContent(i);
    AddSwapCache(reader, groups);
    for (size_t i = 0; i < of_first_.size(); ++i) {
      const MappingOrigin& origin = all_origins_.of_mapping[i];
      of_group_[origin.group].Add(of_first_[i].frames);
      if (of_first_[i].holds_file) files_[origin.file].is_held = true;
    }
    for (size_t i = 0; i < of_group_.size(); ++i) {
      of_group->emplace(all_origins_.group_ids[i], of_group_[i]);
    }
    for (size_t i = 0; i < of_first_.size(); ++i) AddFileFrames(i);
    for (size_t i = 0; i < files_.size(); ++i) AddUnmapped(i);
    std::vector<std::vector<FateCount>> of_mapping;
    for (FrameSums& sums : of_first_) {
      std::ranges::sort(sums.counts, {}, &FateCount::fate);
      of_mapping.push_back(std::move(sums.counts));
    }
    return of_mapping;
  }

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};

  // Gives what was counted by content to its first mapping, or to each group that has it and to its
  // first mapping there.
  void AddContent(size_t content) {
    const FrameSums& sums = contents_[content].sums;
    NoteGroups(content);
    AddToGroups(sums);
  }

  // Adds frames to the groups that were noted, and forgets these.
  void AddToGroups(const FrameSums& sums) {
    for (const uint32_t group : groups_) {
      FrameSums& first = of_first_[first_of_group_[group]];
      first.frames.Add(sums.frames);
      for (const FateCount& count : sums.counts) AddFate(count.fate, count.frames, &first.counts);
      for (const FateCount& count : sums.of_file) AddFate(count.fate, count.frames, &first.of_file);
      first.holds_file |= sums.holds_file;
      first.in_swap_cache.insert(first.in_swap_cache.end(), sums.in_swap_cache.begin(),
                                 sums.in_swap_cache.end());
      first_of_group_[group] = kNone;
    }
    groups_.clear();
  }

  // Decides about the frames in the swap cache, of which another process may hold the slot.
  void AddSwapCache(SnapshotReader& reader, const ProcessGroups& groups) {
    std::vector<SlotPage> pages;
    for (const FrameSums& sums : of_first_) {
      pages.insert(pages.end(), sums.in_swap_cache.begin(), sums.in_swap_cache.end());
    }
    if (pages.empty()) return;
    const SlotHolders holders(reader, groups, pages);
    for (const SlotPage& page : pages) {
      FrameFate fate = FateOf(page.flags);
      fate.at_exit = holders.HasOther(page) ? ExitFate::kKept : ExitFate::kUnknown;
      AddFate(fate, 1, &of_first_[page.mapping].counts);
    }
  }

  // Notes the groups that have a content.
  void NoteGroups(size_t content) {
    for (const ContentUse& use : layout_.UsesOf(content)) {
      const uint32_t group = all_origins_.of_mapping[use.mapping].group;
      uint32_t& first = first_of_group_[group];
      if (first == kNone) groups_.push_back(group);
      first = std::min(first, use.mapping);
    }
  }
  // What another process maps a part of stays as a whole: it has the file.
  void AddFileFrames(size_t mapping) {
    for (FateCount count : of_first_[mapping].of_file) {
      FileFates& file = files_[all_origins_.of_mapping[mapping].file];
      if (file.is_held && count.fate.at_exit != ExitFate::kUnread) {
        count.fate.at_exit = ExitFate::kKept;
      }
      file.frames += count.frames;
      file.is_unread |= count.fate.at_exit == ExitFate::kUnread;
      AddFate({count.fate.at_exit}, count.frames, &file.counts);
      AddFate(count.fate, count.frames, &of_first_[mapping].counts);
    }
  }

  // Adds what a file has beside its mapped frames, which goes with these. Where none is mapped,
  // nobody can tell of what kind its pages are.
  void AddUnmapped(size_t number) {
    const FileFates& file = files_[number];
    const UnnamedFile& unnamed = all_origins_.files[number];
    if (!unnamed.block_count || file.is_held || file.is_unread) return;
    const MappingOrigin& origin = all_origins_.of_mapping[unnamed.first_mapping];
    if (origin.file != number) return;  // several groups map it
    const uint64_t frames =
        static_cast<uint64_t>(*unnamed.block_count) / (snapshot_.page_size / 512);
    if (frames <= file.frames || origin.is_of_several) return;
    const bool is_known = file.counts.size() == 1;
    const ExitFate fate = is_known ? file.counts.front().fate.at_exit : ExitFate::kUnknown;
    AddFate({fate, ReclaimPrice::kUnmapped}, frames - file.frames,
            &of_first_[unnamed.first_mapping].counts);
  }

  // A frame's fate as far as its flags say it: the rest assumes that others map it, too.
  [[nodiscard]] FrameFate FateOf(uint64_t flags) const {
    const ReclaimPrice price = ReclaimPriceOf(flags, snapshot_.release);
    return {ExitFate::kKept, price, IsCold(flags, price)};
  }

  // Counts so many frames that are alike in `sums`: those of their group alone, or those that each
  // of their groups gets. They are one frame where NeedsPage().
  void AddFrames(const FrameFacts& facts, const FrameUsers& frame, bool is_exclusive,
                 uint64_t count, FrameSums* sums) const {
    const bool flags_read = facts.flags != kNotRead;
    FrameFate fate;
    if (flags_read) fate = FateOf(facts.flags);
    const bool read = flags_read && facts.map_count != kNotRead;
    if (!read) fate.at_exit = ExitFate::kUnread;
    Outsiders outsiders = Outsiders::kUnknown;
    if (read) {
      outsiders = OutsidersOf(snapshot_.map_counts, facts, {frame.page_count, is_exclusive});
    }
    sums->frames.Add(FramesFor(facts, frame, outsiders, count));
    if (frame.owner.is_several()) {
      AddFate(fate, count, &sums->counts);
      return;
    }
    const MappingOrigin& origin = all_origins_.of_mapping[frame.first_mapping];
    const bool is_of_file =
        flags_read && (facts.flags & kFrameAnon) == 0 && origin.file != MappingOrigin::kNoFile;
    if (read) {
      const bool alone = outsiders != Outsiders::kSome && !origin.is_of_several;
      fate.at_exit = FateAtExit(facts.flags, snapshot_.release, alone, origin.name);
      if (fate.at_exit == ExitFate::kUnknown && (facts.flags & kFrameAnon) != 0) {
        sums->in_swap_cache.push_back(
            {frame.first_page, facts.flags, frame.first_mapping, frame.owner.process_id()});
        return;
      }
      if (outsiders == Outsiders::kUnknown && fate.at_exit != ExitFate::kKept) {
        fate.at_exit = ExitFate::kUnknown;
      }
      sums->holds_file |= is_of_file && outsiders == Outsiders::kSome;
    }
    AddFate(fate, count, is_of_file ? &sums->of_file : &sums->counts);
  }

  // Returns what so many frames count as in each group that maps them.
  [[nodiscard]] GroupFrames FramesFor(const FrameFacts& facts, const FrameUsers& frame,
                                      Outsiders outsiders, uint64_t count) const {
    GroupFrames counted;
    if (facts.flags == kNotRead) {
      counted.unread = count;
    } else if ((facts.flags & kFrameHuge) != 0) {
      counted.hugetlb = count;
    } else {
      counted.frames = count;
      const bool is_shared = frame.owner.is_several() || outsiders == Outsiders::kSome ||
                             all_origins_.of_mapping[frame.first_mapping].is_of_several;
      const bool is_known = outsiders == Outsiders::kNone || scope_.has_all_processes();
      counted.own = !is_shared && is_known ? count : 0;
      counted.unproven = !is_shared && !is_known ? count : 0;
    }
    return counted;
  }

  const SnapshotInfo& snapshot_;
  const SnapshotLayout& layout_;
  CaptureScope scope_;
  MappingOrigins all_origins_;
  std::vector<GroupFrames> of_group_;     // by the number of the group in all_origins_
  std::vector<uint32_t> first_of_group_;  // its first mapping, of the groups that are noted
  std::vector<uint32_t> groups_;          // the numbers of those
  std::vector<ContentUsers> contents_;
  std::vector<FileFates> files_;     // of all_origins_.files
  FrameSums one_;                    // of a frame that several groups have
  std::vector<FrameSums> of_first_;  // of each mapping: of frames that it is the first to have
};

}  // namespace

MappingFates::MappingFates(AnalysisCache& cache, const Request& request)
    : request_(request), layout_(cache.Of<SnapshotLayout>(request.snapshot_id)) {
  const auto frames = cache.Of<MappedFrames>(request.snapshot_id);
  const auto groups = cache.Between<ProcessGroups>(request);
  FateFinder finder(cache.reader(), *groups, *layout_);
  frames->ForEach(finder);
  of_mapping_ = finder.Take(cache.reader(), *groups, &of_group_);
}

}  // namespace pagesnap
