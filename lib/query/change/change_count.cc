#include "lib/query/change/change_count.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <span>
#include <tuple>

#include "lib/base/error.h"
#include "lib/base/pipeline.h"
#include "lib/base/work_limit.h"
#include "lib/query/change/change_segments.h"
#include "lib/query/change/content_words.h"
#include "lib/query/change/page_comparison.h"
#include "lib/query/change/page_counter.h"

namespace pagesnap {
namespace {

// What is known of a range while it is counted.
struct RangeCount {
  PairCount total;
  std::string before_missing;
  std::string after_missing;
  bool before_accounted = true;  // no VM_PFNMAP
  bool after_accounted = true;
};

// A place where two contents lie side by side. `range` comes last in the order, so that places
// that only differ in it stand together.
struct Place {
  int64_t before_id = 0;
  int64_t after_id = 0;
  uint32_t before_first = 0;
  uint32_t after_first = 0;
  uint32_t page_count = 0;
  bool unread = false;
  // As in ChangeSegment.
  std::optional<PageCounts> whole_before;
  std::optional<PageCounts> whole_after;
  size_t range = 0;

  [[nodiscard]] auto Pair() const { return std::tie(before_id, after_id); }
  [[nodiscard]] auto Key() const {
    return std::tie(before_id, after_id, before_first, after_first, page_count, unread,
                    whole_before, whole_after);
  }
};

class ChangeCounter {
 public:
  ChangeCounter(SnapshotReader& reader, ChangeAnalysis& analysis,
                std::span<const MatchedRange> matched, bool with_figures)
      : reader_(reader),
        analysis_(analysis),
        matched_(matched),
        with_figures_(with_figures),
        ranges_(matched.size()) {}

  std::vector<RangeChange> Run() {
    FindPlaces();
    if (!NoneNeedsFrames()) {
      equal_is_unchanged_ = analysis_.EqualIsUnchanged();
      counter_.emplace(analysis_);
    }
    CountPlaces();
    LookFurther();
    return Finish();
  }

 private:
  // The places of one pair of contents.
  struct Item {
    std::span<const Place> places;
    StoredBlob before;
    StoredBlob after;
    std::string before_damage;
    std::string after_damage;
    bool equal = false;            // the same words
    bool shows_unchanged = false;  // when the words are the same, nothing changed
    // What content_usage says of them: null where it says nothing, or nobody asks.
    const ContentUsage* before_usage = nullptr;
    const ContentUsage* after_usage = nullptr;
  };
  struct Scratch {
    ContentWords before;
    ContentWords after;
  };

  void FindPlaces();
  bool NoneNeedsFrames();
  void CountPlaces();
  bool NextPair(Item* item);
  bool Fetch(Item* item);
  std::string FetchContent(int64_t content_id, StoredBlob* content);
  void CountItem(Item& item, Scratch* scratch);
  // Returns whether all populated pages there are unchanged, and their figures known.
  [[nodiscard]] bool NeedsNoLook(const Item& item, const Place& place) const {
    // The whole of one content can only lie beside the whole of an equal one.
    return item.equal && !place.unread && place.whole_before &&
           place.whole_before->populated() <= place.page_count &&
           (item.shows_unchanged || (equal_is_unchanged_ && !with_figures_));
  }
  static PairCount Unchanged(const Item& item, const Place& place);
  // Sets the figures of both sides as far as the tables alone know them; false unless they know
  // all.
  static bool SetKnownFigures(const Item& item, const Place& place, PairCount* count);
  PairCount CountPlace(const Item& item, const Place& place, ContentWords* before,
                       ContentWords* after) const;
  void LookFurther();
  void LookFurther(SegmentWalk& walk, PageComparison& comparison, ChangeCounts* counts);
  [[nodiscard]] std::vector<RangeChange> Finish();

  SnapshotReader& reader_;
  ChangeAnalysis& analysis_;
  std::span<const MatchedRange> matched_;
  bool with_figures_;
  bool equal_is_unchanged_ = false;
  std::optional<PageCounter> counter_;  // none where nobody has to look
  std::vector<Place> places_;           // ascending by key
  size_t next_place_ = 0;
  std::mutex mutex_;  // guards ranges_ while places are counted
  std::vector<RangeCount> ranges_;
};

void ChangeCounter::FindPlaces() {
  const SnapshotMatch& match = analysis_.match();
  SegmentWalk walk(reader_, analysis_.gaps());
  for (size_t i = 0; i < matched_.size(); ++i) {
    walk.Start(matched_[i], match.processes[matched_[i].process]);
    RangeCount& range = ranges_[i];
    if (with_figures_) {
      const auto reason = [&](const SnapshotInfo& snapshot, const MappingInfo& mapping) {
        return mapping.id == 0 ? "" : MissingReason(snapshot, mapping, analysis_.gaps());
      };
      range.before_missing = reason(analysis_.before(), walk.before_mapping());
      range.after_missing = reason(analysis_.after(), walk.after_mapping());
    }
    range.before_accounted = !walk.before_mapping().pfn_map;
    range.after_accounted = !walk.after_mapping().pfn_map;
    for (ChangeSegment segment; walk.Next(&segment);) {
      ChangeCounts& counts = range.total.counts;
      if (segment.is_absent()) {
        counts.absent += segment.page_count;
      } else if (segment.before.content_id == 0 && segment.after.content_id == 0) {
        counts[PageChange::kUnread] += segment.page_count;
      } else {
        places_.push_back({segment.before.content_id, segment.after.content_id,
                           segment.before.first, segment.after.first,
                           static_cast<uint32_t>(segment.page_count), segment.unread,
                           segment.whole_before, segment.whole_after, i});
      }
    }
  }
  std::sort(places_.begin(), places_.end(), [](const Place& a, const Place& b) {
    return a.Key() != b.Key() ? a.Key() < b.Key() : a.range < b.range;
  });
}

// Returns what is wrong with it.
std::string ChangeCounter::FetchContent(int64_t content_id, StoredBlob* content) {
  content->parts.clear();
  if (content_id == 0) return "";
  try {
    reader_.Fetch(content_id, content);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

// Sets `item` to the next pair of contents, but for their bytes; false behind the last.
bool ChangeCounter::NextPair(Item* item) {
  *item = {};
  if (next_place_ == places_.size()) return false;
  const size_t begin = next_place_;
  const Place& first = places_[begin];
  while (next_place_ < places_.size() && places_[next_place_].Pair() == first.Pair()) ++next_place_;
  item->places = std::span(places_).subspan(begin, next_place_ - begin);
  item->equal = first.before_id == first.after_id;
  item->shows_unchanged = analysis_.ShowUnchanged(first.before_id, first.after_id);
  if (item->shows_unchanged || with_figures_) {
    item->before_usage = reader_.Usage(analysis_.before().id, first.before_id);
    item->after_usage = reader_.Usage(analysis_.after().id, first.after_id);
  }
  return true;
}

// Returns whether the tables alone say of every place that nothing changed there.
bool ChangeCounter::NoneNeedsFrames() {
  bool none = true;
  for (Item item; none && NextPair(&item);) {
    none = std::all_of(item.places.begin(), item.places.end(),
                       [&](const Place& place) { return NeedsNoLook(item, place); });
  }
  next_place_ = 0;
  return none;
}

bool ChangeCounter::Fetch(Item* item) {
  if (!NextPair(item)) return false;
  const Place& first = item->places.front();
  // Then nobody will ask for the bytes.
  if (std::all_of(item->places.begin(), item->places.end(),
                  [&](const Place& place) { return NeedsNoLook(*item, place); })) {
    return true;
  }
  item->before_damage = FetchContent(first.before_id, &item->before);
  item->after_damage = FetchContent(item->equal ? 0 : first.after_id, &item->after);
  if (!item->equal && item->before_damage.empty() && item->after_damage.empty()) {
    item->equal = StoredAlike(item->before, item->after);
  }
  return true;
}

void ChangeCounter::CountPlaces() {
  std::vector<Scratch> scratch(WorkerCount());
  RunPipeline<Item>([&](Item* item) { return Fetch(item); },
                    [&](Item& item, size_t worker) { CountItem(item, &scratch[worker]); });
}

void ChangeCounter::CountItem(Item& item, Scratch* scratch) {
  scratch->before.Set(item.before.parts.empty() ? nullptr : &item.before, item.before_damage);
  scratch->after.Set(item.after.parts.empty() ? nullptr : &item.after, item.after_damage);
  // Equal contents are decoded once.
  ContentWords& after = item.equal ? scratch->before : scratch->after;
  PairCount count;
  for (size_t i = 0; i < item.places.size(); ++i) {
    const Place& place = item.places[i];
    if (i == 0 || place.Key() != item.places[i - 1].Key()) {
      count = NeedsNoLook(item, place) ? Unchanged(item, place)
                                       : CountPlace(item, place, &scratch->before, &after);
    }
    const std::lock_guard lock(mutex_);
    RangeCount& range = ranges_[place.range];
    range.total.counts.Add(count.counts);
    range.total.before.Add(count.before, range.before_accounted);
    range.total.after.Add(count.after, range.after_accounted);
  }
}

PairCount ChangeCounter::Unchanged(const Item& item, const Place& place) {
  PairCount count;
  count.counts[PageChange::kUnchanged] = place.whole_before->populated();
  count.counts.absent = place.page_count - place.whole_before->populated();
  if (!item.shows_unchanged) return count;
  for (const auto& [side, usage] :
       {std::pair(&count.before, item.before_usage), std::pair(&count.after, item.after_usage)}) {
    *side = {*place.whole_before, usage->sums};
  }
  return count;
}

bool ChangeCounter::SetKnownFigures(const Item& item, const Place& place, PairCount* count) {
  const auto set = [](int64_t content_id, const std::optional<PageCounts>& whole,
                      const ContentUsage* usage, SideCount* side) {
    if (content_id == 0) return true;
    if (!whole || usage == nullptr) return false;
    *side = {*whole, usage->sums};
    return true;
  };
  return set(place.before_id, place.whole_before, item.before_usage, &count->before) &&
         set(place.after_id, place.whole_after, item.after_usage, &count->after);
}

PairCount ChangeCounter::CountPlace(const Item& item, const Place& place, ContentWords* before,
                                    ContentWords* after) const {
  PairCount count;
  const auto from = before->Part(place.before_first, place.page_count);
  const auto to = after->Part(place.after_first, place.page_count);
  if (with_figures_ && !SetKnownFigures(item, place, &count)) {
    count = {};
    counter_->Count<true>(from, to, &count);
  } else {
    counter_->Count<false>(from, to, &count);
  }
  for (const auto& [words, sums] :
       {std::pair(before, &count.before.sums), std::pair(after, &count.after.sums)}) {
    reader_.NoteDamage(words->damage());
    sums->damaged =
        !words->damage().empty() || (analysis_.frames_damaged() && sums->unread_flags > 0);
  }
  if (place.unread || !before->damage().empty() || !after->damage().empty()) {
    count.counts = {};
    count.counts[PageChange::kUnread] = place.page_count;
  }
  return count;
}

// Where other processes or smaps may say more of a page than its words do, compares the range page
// by page. Rarely needed: a range has no part in it unless pages came, went or moved.
void ChangeCounter::LookFurther() {
  SegmentWalk walk(reader_, analysis_.gaps());
  std::optional<PageComparison> comparison;
  for (size_t i = 0; i < matched_.size(); ++i) {
    ChangeCounts& counts = ranges_[i].total.counts;
    if (!PageComparison::MayDiffer(counts)) continue;
    if (!comparison) comparison.emplace(reader_, analysis_);
    const ProcessMatch& process = analysis_.match().processes[matched_[i].process];
    comparison->Enter(matched_[i], process);
    if (!comparison->KnowsMore(counts)) continue;
    walk.Start(matched_[i], process);
    LookFurther(walk, *comparison, &counts);
  }
}

void ChangeCounter::LookFurther(SegmentWalk& walk, PageComparison& comparison,
                                ChangeCounts* counts) {
  using PageWords = std::shared_ptr<const std::vector<uint64_t>>;
  const auto words_of = [&](const ContentPart& part) {
    return part.content_id != 0 ? reader_.SharedWords(part.content_id) : nullptr;
  };
  const auto word_at = [](const PageWords& words, const ContentPart& part, uint64_t index) {
    return PageWord(
        words != nullptr && part.first + index < words->size() ? (*words)[part.first + index] : 0);
  };
  for (ChangeSegment segment; walk.Next(&segment);) {
    if (segment.unread || segment.before == segment.after) continue;
    CheckWork();
    PageWords before_words;
    PageWords after_words;
    try {
      before_words = words_of(segment.before);
      after_words = words_of(segment.after);
    } catch (const Error&) {  // it is unread, and noted
      continue;
    }
    for (uint64_t i = 0; i < segment.page_count; ++i) {
      const PageWord before = word_at(before_words, segment.before, i);
      const PageWord after = word_at(after_words, segment.after, i);
      comparison.Correct(segment.offset + i, before, after, counts);
    }
  }
}

std::vector<RangeChange> ChangeCounter::Finish() {
  std::vector<RangeChange> changes(ranges_.size());
  for (size_t i = 0; i < ranges_.size(); ++i) {
    const MatchedRange& range = matched_[i];
    changes[i].counts = ranges_[i].total.counts;
    if (!with_figures_) continue;
    auto finish = [&](const SideCount& side, int64_t mapping_id, uint64_t page_size,
                      MappingUsage* usage) {
      usage->present_count = static_cast<int64_t>(side.states.present);
      usage->swapped_count = static_cast<int64_t>(side.states.swapped);
      usage->special_count = static_cast<int64_t>(side.states.special);
      usage->absent_count =
          mapping_id == 0 ? 0 : static_cast<int64_t>(range.page_count - side.states.populated());
      SetFigures(side.sums, page_size, usage);
    };
    changes[i].before.missing = std::move(ranges_[i].before_missing);
    changes[i].after.missing = std::move(ranges_[i].after_missing);
    finish(ranges_[i].total.before, range.before_mapping_id, analysis_.before().page_size,
           &changes[i].before);
    finish(ranges_[i].total.after, range.after_mapping_id, analysis_.after().page_size,
           &changes[i].after);
  }
  return changes;
}

}  // namespace

std::vector<RangeChange> CountChanges(SnapshotReader& reader, ChangeAnalysis& analysis,
                                      size_t first, size_t count, bool with_figures) {
  return ChangeCounter(reader, analysis, std::span(analysis.match().ranges).subspan(first, count),
                       with_figures)
      .Run();
}

}  // namespace pagesnap
