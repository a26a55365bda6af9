#include "lib/query/sharing/mapping_sharing.h"

#include <algorithm>

#include "lib/kernel/frame_flags.h"
#include "lib/query/sharing/frame_user_index.h"

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
  explicit SharingFinder(const FrameUserIndex& users)
      : layout_(users.layout()), users_(users), of_mapping_(layout_.mappings().size()) {
    for (size_t i = 0; i < layout_.contents().size(); ++i) of_content_.push_back({UsersOf(i), {}});
  }

  void AddChunk(uint64_t first_pfn) {
    const FrameChunk& chunk = *users_.frames().Chunk(first_pfn);
    uint32_t ordinal = users_.ordinals().FirstOf(first_pfn);
    users_.ordinals().Ranks(first_pfn).ForEach(
        [&](uint32_t index) { AddFrame(chunk.at(index), ordinal++); });
  }

  // What was counted by content goes to all mappings that have it.
  std::vector<MappingSharing> Take() {
    for (size_t i = 0; i < of_content_.size(); ++i) {
      const MappingSharing& pages = of_content_[i].pages;
      for (const ContentUse& use : layout_.UsesOf(i)) {
        MappingSharing& sum = of_mapping_[use.mapping];
        sum.page_count += pages.page_count;
        sum.shared_page_count += pages.shared_page_count;
        sum.outside_page_count += pages.outside_page_count;
        sum.outside_map_count += pages.outside_map_count;
        sum.unread_count += pages.unread_count;
      }
    }
    return std::move(of_mapping_);
  }

 private:
  struct Content {
    ContentUsers users;
    MappingSharing pages;  // its figures in pages
  };

  [[nodiscard]] ContentUsers UsersOf(size_t content) const {
    const auto uses = layout_.UsesOf(content);  // a content is there for its uses
    return {uses.size(), uses.front().mapping, layout_.OwnerOf(content)};
  }

  void AddFrame(const FrameFacts& facts, uint32_t ordinal) {
    const bool flags_read = facts.flags != kNotRead;
    if (flags_read && !IsMemory(facts.flags)) return;
    FrameUsers frame;
    users_.ForEachPage(ordinal,
                       [&](size_t content, uint32_t) { frame.Add(of_content_[content].users); });
    if (frame.page_count == 0) return;
    const bool read = flags_read && facts.map_count != kNotRead;
    const uint64_t map_count = read ? std::min(facts.map_count, kMaxMaps) : 0;
    const uint64_t outside = map_count > frame.page_count ? map_count - frame.page_count : 0;
    users_.ForEachPage(ordinal, [&](size_t content, uint32_t) {
      MappingSharing& pages = of_content_[content].pages;
      ++pages.page_count;
      pages.shared_page_count += frame.owner.is_several() ? 1 : 0;
      pages.outside_page_count += outside > 0 ? 1 : 0;
      pages.outside_map_count += outside;
      pages.unread_count += read ? 0 : 1;
    });
    if (frame.owner.is_several()) ++of_mapping_[frame.first_mapping].shared_frame_count;
  }

  const SnapshotLayout& layout_;
  const FrameUserIndex& users_;
  std::vector<Content> of_content_;
  std::vector<MappingSharing> of_mapping_;
};

}  // namespace

MappingSharings::MappingSharings(AnalysisCache& cache, int64_t snapshot_id)
    : layout_(cache.Of<SnapshotLayout>(snapshot_id)) {
  const auto users = cache.Of<FrameUserIndex>(snapshot_id);
  SharingFinder finder(*users);
  for (uint64_t first_pfn : users->frames().first_pfns()) finder.AddChunk(first_pfn);
  of_mapping_ = finder.Take();
}

}  // namespace pagesnap
