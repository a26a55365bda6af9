#include "lib/query/change/change_analysis.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/error.h"
#include "lib/query/change/change_count.h"
#include "lib/query/match/boot.h"

namespace pagesnap {
namespace {

// What is counted takes about 1 KB for each: with all of them at once, comparing two million
// mappings took 2 GB.
constexpr size_t kRangesAtOnce = size_t{64} << 10;

const SnapshotInfo& FindSnapshot(const SnapshotReader& reader, int64_t id) {
  for (const SnapshotInfo& info : reader.snapshots()) {
    if (info.id == id) return info;
  }
  throw Error(fmt::format("there is no snapshot {} to compare; they are numbered from 1 to {}", id,
                          reader.snapshots().empty() ? 0 : reader.snapshots().back().id));
}

Comparability ComparabilityOf(const SnapshotReader& reader, const ChangeRequest& request,
                              MatchMode mode) {
  if (CompareBoots(reader, request.before_id, request.after_id) != SameBoot::kYes) {
    return Comparability::kNothing;
  }
  return mode == MatchMode::kSame ? Comparability::kFrames : Comparability::kSameFrame;
}

}  // namespace

void ChangeCounts::Add(const ChangeCounts& other) {
  for (size_t i = 0; i < of.size(); ++i) of[i] += other.of[i];
  absent += other.absent;
}

ChangeAnalysis::ChangeAnalysis(AnalysisCache& cache, const ChangeRequest& request)
    : reader_(cache.reader()),
      request_(request),
      before_(FindSnapshot(reader_, request.before_id)),
      after_(FindSnapshot(reader_, request.after_id)),
      match_(MatchSnapshots(reader_, request.before_id, request.after_id, request.mode)),
      gaps_(cache.OfAll<PageGaps>()),
      classifier_(before_, after_, ComparabilityOf(reader_, request, match_.mode),
                  request.with_volatile) {}

// Pages of frames that nothing is known of cannot be compared, and have no figures.
LoadedFrames ChangeAnalysis::LoadFrames(const SnapshotInfo& snapshot,
                                        std::shared_ptr<FrameTable>* frames) {
  if (*frames != nullptr) return (*frames)->LoadSound();
  std::shared_ptr<FrameTable> table = reader_.Frames(snapshot.id);
  const LoadedFrames loaded = table->LoadSound();
  reader_.NoteDamage(loaded.problem());
  *frames = std::move(table);
  return loaded;
}

const SameFrames& ChangeAnalysis::same_frames() {
  if (!same_frames_) same_frames_.emplace(before_frames(), after_frames(), classifier_);
  return *same_frames_;
}

// Without the flags of either side pages are incomparable, and there may be no frames at all.
bool ChangeAnalysis::EqualIsUnchanged() {
  return classifier_.comparability() != Comparability::kNothing && before_.flags_read &&
         after_.flags_read && same_frames().all() && !frames_damaged();
}

bool ChangeAnalysis::ShowUnchanged(int64_t before_content_id, int64_t after_content_id) {
  if (classifier_.comparability() == Comparability::kNothing || request_.with_volatile)
    return false;
  const ContentUsage* before = reader_.Usage(before_.id, before_content_id);
  const ContentUsage* after = reader_.Usage(after_.id, after_content_id);
  return before != nullptr && after != nullptr && before->facts_hash == after->facts_hash;
}

const RangeChange& ChangeAnalysis::Range(size_t index, bool with_figures) {
  const size_t first = index - index % kRangesAtOnce;
  if (ranges_.empty() || first != first_range_ || (with_figures && !has_figures_)) {
    ranges_ = {};
    ranges_ = CountChanges(reader_, *this, first,
                           std::min(kRangesAtOnce, match_.ranges.size() - first), with_figures);
    first_range_ = first;
    has_figures_ = with_figures;
  }
  return ranges_[index - first];
}

bool StoredAlike(const StoredBlob& before, const StoredBlob& after) {
  return std::equal(before.parts.begin(), before.parts.end(), after.parts.begin(),
                    after.parts.end(), [](const StoredBlob::Part& a, const StoredBlob::Part& b) {
                      return a.count == b.count && a.bytes == b.bytes;
                    });
}

}  // namespace pagesnap
