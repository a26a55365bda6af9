#include "lib/query/sharing/mapping_sharing.h"

#include <algorithm>

#include "lib/query/scan/capture_scope.h"
#include "lib/query/sharing/mapped_frames.h"
#include "lib/store/frames/usage_sums.h"

namespace pagesnap {
namespace {

// The kernel's map count is an int. A file may say anything, and sums must stay numbers.
constexpr uint64_t kMaxMaps = INT32_MAX;

// What is the same for all pages of a content: who maps it.
struct ContentUsers {
  uint64_t use_count;
  uint32_t first_mapping;
  Owner owner;
};

// Who maps one frame.
struct FrameUsers {
  uint64_t page_count = 0;
  uint32_t first_mapping = ~uint32_t{0};
  Owner owner;

  void Add(const ContentUsers& content) {
    page_count += content.use_count;
    first_mapping = std::min(first_mapping, content.first_mapping);
    owner.Add(content.owner);
  }
};

class SharingFinder {
 public:
  SharingFinder(const SnapshotInfo& snapshot, const CaptureScope& scope,
                const SnapshotLayout& layout)
      : snapshot_(snapshot),
        scope_(scope),
        layout_(layout),
        of_mapping_(layout_.mappings().size()) {
    for (size_t i = 0; i < layout_.contents().size(); ++i) of_content_.push_back({UsersOf(i), {}});
  }

  // For MappedFrames::ForEach().
  static constexpr bool kNeedsFacts = true;
  static bool NeedsPage(const FrameFacts&) { return false; }
  void OfOne(ContentPage page, const FrameFacts& facts, bool is_exclusive, uint64_t frame_count) {
    Content& content = of_content_[page.content];
    const ContentUsers& users = content.users;
    AddPages(OfPage(facts, {users.use_count, is_exclusive}, users.owner), frame_count,
             &content.pages);
    CountFrames(facts, users.owner, users.first_mapping, frame_count, &content.pages);
  }

  void OfSeveral(std::span<const ContentPage> pages, const FrameFacts& facts, bool is_exclusive) {
    FrameUsers frame;
    for (const ContentPage& page : pages) frame.Add(of_content_[page.content].users);
    const MappingSharing one = OfPage(facts, {frame.page_count, is_exclusive}, frame.owner);
    for (const ContentPage& page : pages) AddPages(one, 1, &of_content_[page.content].pages);
    CountFrames(facts, frame.owner, frame.first_mapping, 1, &of_mapping_[frame.first_mapping]);
  }

  // What was counted by content goes to all mappings that have it; frames to the first.
  std::vector<MappingSharing> Take() {
    for (size_t i = 0; i < of_content_.size(); ++i) {
      const MappingSharing& pages = of_content_[i].pages;
      MappingSharing& first = of_mapping_[of_content_[i].users.first_mapping];
      first.shared_frame_count += pages.shared_frame_count;
      first.exact_uss_frame_count += pages.exact_uss_frame_count;
      for (const ContentUse& use : layout_.UsesOf(i)) {
        MappingSharing& sum = of_mapping_[use.mapping];
        sum.page_count += pages.page_count;
        sum.shared_page_count += pages.shared_page_count;
        sum.outside_page_count += pages.outside_page_count;
        sum.outside_map_count += pages.outside_map_count;
        sum.unread_count += pages.unread_count;
        if (layout_.mappings()[use.mapping].pfn_map) continue;  // no part of RSS
        sum.exact_pss += pages.exact_pss;
        sum.unproven_count += pages.unproven_count;
        sum.unread_flag_count += pages.unread_flag_count;
      }
    }
    return std::move(of_mapping_);
  }

 private:
  struct Content {
    ContentUsers users;
    MappingSharing pages;  // its figures in pages, and of its frames that have no other page
  };

  [[nodiscard]] ContentUsers UsersOf(size_t content) const {
    const auto uses = layout_.UsesOf(content);  // a content is there for its uses
    return {uses.size(), uses.front().mapping, layout_.OwnerOf(content)};
  }

  // Counts so many frames that are alike in `sums`.
  void CountFrames(const FrameFacts& facts, Owner owner, uint32_t first_mapping, uint64_t count,
                   MappingSharing* sums) const {
    if (owner.is_several()) {
      sums->shared_frame_count += count;
    } else if (facts.flags != kNotRead && (facts.flags & kFrameHuge) == 0 &&
               !layout_.mappings()[first_mapping].pfn_map) {
      sums->exact_uss_frame_count += count;
    }
  }

  // Returns what each page that maps a frame counts as.
  [[nodiscard]] MappingSharing OfPage(const FrameFacts& facts, const FrameMappers& captured,
                                      Owner owner) const {
    MappingSharing page;
    page.shared_page_count = owner.is_several() ? 1 : 0;
    const bool flags_read = facts.flags != kNotRead;
    if (flags_read && facts.map_count != kNotRead) {
      const FrameFacts sane = {facts.flags, std::min(facts.map_count, kMaxMaps), facts.cgroup};
      const Outsiders outsiders = OutsidersOf(snapshot_.map_counts, sane, captured);
      page.unread_count = outsiders == Outsiders::kUnknown ? 1 : 0;
      if (outsiders == Outsiders::kSome) {
        page.outside_page_count = 1;
        page.outside_map_count = sane.map_count - captured.page_count;
      }
    } else {
      page.unread_count = 1;
    }
    page.unread_flag_count = flags_read ? 0 : 1;
    if (!flags_read || (facts.flags & kFrameHuge) != 0) return page;
    page.exact_pss = snapshot_.page_size << kPssShift;
    if (captured.page_count > 1) page.exact_pss /= captured.page_count;  // it takes long
    const bool is_proven =
        scope_.has_all_processes() || AreAllMappers(snapshot_.map_counts, facts, captured, [&] {
          return owner.is_one() && scope_.IsWhole(owner.process_id());
        });
    page.unproven_count = is_proven ? 0 : 1;
    return page;
  }

  static void AddPages(const MappingSharing& page, uint64_t count, MappingSharing* pages) {
    pages->page_count += count;
    pages->shared_page_count += count * page.shared_page_count;
    pages->outside_page_count += count * page.outside_page_count;
    pages->outside_map_count += count * page.outside_map_count;
    pages->unread_count += count * page.unread_count;
    pages->exact_pss += count * page.exact_pss;
    pages->unproven_count += count * page.unproven_count;
    pages->unread_flag_count += count * page.unread_flag_count;
  }

  const SnapshotInfo& snapshot_;
  const CaptureScope& scope_;
  const SnapshotLayout& layout_;
  std::vector<Content> of_content_;
  std::vector<MappingSharing> of_mapping_;
};

}  // namespace

MappingSharings::MappingSharings(AnalysisCache& cache, int64_t snapshot_id)
    : layout_(cache.Of<SnapshotLayout>(snapshot_id)) {
  const CaptureScope scope(cache.reader(), snapshot_id);
  SharingFinder finder(cache.reader().snapshot(snapshot_id), scope, *layout_);
  cache.Of<MappedFrames>(snapshot_id)->ForEach(finder);
  of_mapping_ = finder.Take();
}

}  // namespace pagesnap
