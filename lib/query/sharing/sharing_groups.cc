#include "lib/query/sharing/sharing_groups.h"

#include <algorithm>
#include <map>

#include "lib/query/sharing/mapped_frames.h"

namespace pagesnap {
namespace {

// Indexes into the processes of the snapshot, ascending.
using Set = std::vector<uint32_t>;

// Numbers the distinct sets, and counts the frames and the pages of each.
class ProcessSets {
 public:
  struct Counts {
    uint64_t frames = 0;
    std::vector<uint64_t> pages;  // of each process of the set
  };

  uint32_t Number(const Set& set) {
    auto [place, is_new] = numbers_.try_emplace(set, static_cast<uint32_t>(sets_.size()));
    if (is_new) {
      sets_.push_back(&place->first);
      counts_.emplace_back().pages.assign(set.size(), 0);
    }
    return place->second;
  }
  // Returns the number of the union of these sets, which ascend and are two at least. Frames that
  // are mapped by the same contents come together.
  uint32_t Union(const std::vector<uint32_t>& numbers) {
    if (numbers == last_parts_) return last_union_;
    Set all;
    for (uint32_t number : numbers) all.insert(all.end(), set(number).begin(), set(number).end());
    std::ranges::sort(all);
    all.erase(std::unique(all.begin(), all.end()), all.end());
    last_union_ = Number(all);
    last_parts_ = numbers;
    return last_union_;
  }
  void AddPages(uint32_t number, uint32_t process, uint64_t pages) {
    const auto member = std::ranges::lower_bound(set(number), process);
    counts_[number].pages[static_cast<size_t>(member - set(number).begin())] += pages;
  }
  void AddFrames(uint32_t number, uint64_t frames) { counts_[number].frames += frames; }

  [[nodiscard]] size_t size() const { return sets_.size(); }
  [[nodiscard]] const Set& set(uint32_t number) const { return *sets_[number]; }
  [[nodiscard]] const Counts& counts(uint32_t number) const { return counts_[number]; }

 private:
  std::map<Set, uint32_t> numbers_;
  std::vector<const Set*> sets_;
  std::vector<Counts> counts_;
  std::vector<uint32_t> last_parts_;
  uint32_t last_union_ = 0;
};

class GroupFinder {
 public:
  explicit GroupFinder(const SnapshotLayout& layout) : layout_(layout) {
    for (const MappingInfo& mapping : layout.mappings()) {
      if (process_ids_.empty() || process_ids_.back() != mapping.process_id) {
        process_ids_.push_back(mapping.process_id);
      }
      process_of_mapping_.push_back(static_cast<uint32_t>(process_ids_.size() - 1));
    }
    for (size_t i = 0; i < layout.contents().size(); ++i) set_of_content_.push_back(SetOf(i));
    frames_of_content_.assign(layout.contents().size(), 0);
  }

  // For MappedFrames::ForEach().
  static constexpr bool kNeedsFacts = false;
  static bool NeedsPage(const FrameFacts&) { return false; }
  void OfOne(ContentPage page, const FrameFacts&, bool, uint64_t frame_count) {
    frames_of_content_[page.content] += frame_count;
  }

  void OfSeveral(std::span<const ContentPage> pages, const FrameFacts&, bool) {
    numbers_.clear();
    for (const ContentPage& page : pages) numbers_.push_back(set_of_content_[page.content]);
    std::ranges::sort(numbers_);
    numbers_.erase(std::unique(numbers_.begin(), numbers_.end()), numbers_.end());
    // Only the union that a frame ends up with gets a number: those on the way there are many.
    const uint32_t number = numbers_.size() == 1 ? numbers_.front() : sets_.Union(numbers_);
    if (sets_.set(number).size() < 2) return;
    sets_.AddFrames(number, 1);
    for (const ContentPage& page : pages) {
      further_.push_back(uint64_t{page.content} << 32 | number);
    }
    if (further_.size() >= kMaxPages) CountFurther();
  }

  // Returns the groups, in an order that does not depend on how they were found.
  std::vector<SharingGroup> Take() {
    CountFurther();
    for (size_t i = 0; i < frames_of_content_.size(); ++i) {
      sets_.AddFrames(set_of_content_[i], frames_of_content_[i]);
      AddPages(i, set_of_content_[i], frames_of_content_[i]);
    }
    std::vector<uint32_t> shared;
    for (uint32_t number = 0; number < sets_.size(); ++number) {
      if (sets_.set(number).size() > 1 && sets_.counts(number).frames > 0) shared.push_back(number);
    }
    std::ranges::sort(shared, [&](uint32_t a, uint32_t b) {
      const uint64_t frames_a = sets_.counts(a).frames;
      const uint64_t frames_b = sets_.counts(b).frames;
      return frames_a != frames_b ? frames_a > frames_b : sets_.set(a) < sets_.set(b);
    });
    std::vector<SharingGroup> groups;
    for (uint32_t number : shared) {
      SharingGroup group{.frame_count = sets_.counts(number).frames,
                         .page_counts = sets_.counts(number).pages};
      for (uint32_t process : sets_.set(number)) group.process_ids.push_back(process_ids_[process]);
      groups.push_back(std::move(group));
    }
    return groups;
  }

 private:
  // Pages of frames of several are counted so many at once.
  static constexpr size_t kMaxPages = size_t{4} << 20;

  uint32_t SetOf(size_t content) {
    Set set;
    for (const ContentUse& use : layout_.UsesOf(content)) {
      // Uses go by process.
      const uint32_t process = process_of_mapping_[use.mapping];
      if (set.empty() || set.back() != process) set.push_back(process);
    }
    return sets_.Number(set);
  }

  // Adds `pages` of a content, whose frames the processes of a set map, for each use of it.
  void AddPages(size_t content, uint32_t number, uint64_t pages) {
    if (pages == 0) return;
    for (const ContentUse& use : layout_.UsesOf(content)) {
      sets_.AddPages(number, process_of_mapping_[use.mapping], pages);
    }
  }

  // A content mostly has pages of few sets, but can have as many sets as pages: sorted, those of
  // one content and set stand together.
  void CountFurther() {
    std::ranges::sort(further_);
    for (size_t first = 0; first < further_.size();) {
      const uint64_t key = further_[first];
      size_t end = first;
      while (end < further_.size() && further_[end] == key) ++end;
      CheckWork();
      AddPages(key >> 32, static_cast<uint32_t>(key), end - first);
      first = end;
    }
    further_.clear();
  }

  const SnapshotLayout& layout_;
  std::vector<int64_t> process_ids_;
  std::vector<uint32_t> process_of_mapping_;  // index into process_ids_
  ProcessSets sets_;
  std::vector<uint32_t> set_of_content_;
  std::vector<uint64_t> frames_of_content_;  // that have no page but one of it
  std::vector<uint64_t> further_;            // pages of other frames: content << 32 | set
  std::vector<uint32_t> numbers_;            // the sets of a frame's contents
};

}  // namespace

SharingGroups::SharingGroups(AnalysisCache& cache, int64_t snapshot_id) {
  const auto frames = cache.Of<MappedFrames>(snapshot_id);
  GroupFinder finder(frames->layout());
  frames->ForEach(finder);
  groups_ = finder.Take();
}

}  // namespace pagesnap
