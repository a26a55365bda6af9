// What changed between two snapshots, range by range.
#ifndef LIB_QUERY_CHANGE_CHANGE_ANALYSIS_H_
#define LIB_QUERY_CHANGE_CHANGE_ANALYSIS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lib/query/change/page_change.h"
#include "lib/query/change/same_frames.h"
#include "lib/query/match/matching.h"
#include "lib/query/scan/analysis_cache.h"
#include "lib/query/scan/page_gaps.h"
#include "lib/query/usage/usage.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// Which comparison is asked for.
struct ChangeRequest {
  int64_t before_id = 0;
  int64_t after_id = 0;
  MatchMode mode = MatchMode::kAuto;
  bool with_volatile = false;  // flags that change by themselves count, too

  friend bool operator==(const ChangeRequest&, const ChangeRequest&) = default;
};

// Pages by class, and those that are absent on both sides.
struct ChangeCounts {
  std::array<uint64_t, kPageChangeCount> of{};
  uint64_t absent = 0;

  uint64_t& operator[](PageChange change) { return of[static_cast<size_t>(change)]; }
  uint64_t operator[](PageChange change) const { return of[static_cast<size_t>(change)]; }
  void Add(const ChangeCounts& other);
};

// Of one matched range.
struct RangeChange {
  ChangeCounts counts;
  // The figures of the pages of each side, as mapping_usage has them of whole mappings: all 0 for a
  // side without counterpart. Set where figures were asked for.
  MappingUsage before;
  MappingUsage after;
};

// A comparison of two snapshots.
class ChangeAnalysis {
 public:
  using Request = ChangeRequest;

  // Matches the snapshots. Throws Error, as MatchSnapshots does, and for a snapshot that is not
  // there.
  ChangeAnalysis(AnalysisCache& cache, const ChangeRequest& request);

  [[nodiscard]] const ChangeRequest& request() const { return request_; }
  [[nodiscard]] const SnapshotMatch& match() const { return match_; }
  [[nodiscard]] const PageGaps& gaps() const { return *gaps_; }
  [[nodiscard]] const PageClassifier& classifier() const { return classifier_; }
  [[nodiscard]] const SnapshotInfo& before() const { return before_; }
  [[nodiscard]] const SnapshotInfo& after() const { return after_; }

  // Compares the frames at the first call.
  const SameFrames& same_frames();
  // The frames of both sides, but for damaged ones. Loads them at the first call.
  LoadedFrames before_frames() { return LoadFrames(before_, &before_frames_); }
  LoadedFrames after_frames() { return LoadFrames(after_, &after_frames_); }
  // Returns whether nothing is known of some frames, as their chunk is damaged.
  bool frames_damaged() {
    return !before_frames().problem().empty() || !after_frames().problem().empty();
  }
  // Returns whether all populated pages of equal contents are unchanged, so that nobody has to
  // look.
  bool EqualIsUnchanged();
  // Returns whether content_usage says so of these contents, if they are equal: all that is known
  // of their frames is the same in both snapshots. Asks nothing of the frames. False when one is 0.
  bool ShowUnchanged(int64_t before_content_id, int64_t after_content_id);

  // Returns the changes of a range of match(). Counts it with those around it, on all cores; the
  // last ones that were counted are kept, so that it is best to go in order. Figures are counted
  // when they are asked for. A content that is damaged makes its pages `unread`, and figures
  // missing. Valid until the next call.
  const RangeChange& Range(size_t index, bool with_figures);

 private:
  LoadedFrames LoadFrames(const SnapshotInfo& snapshot, std::shared_ptr<FrameTable>* frames);

  SnapshotReader& reader_;
  ChangeRequest request_;
  const SnapshotInfo& before_;
  const SnapshotInfo& after_;
  SnapshotMatch match_;
  std::shared_ptr<const PageGaps> gaps_;
  PageClassifier classifier_;
  std::shared_ptr<FrameTable> before_frames_;  // null: not loaded
  std::shared_ptr<FrameTable> after_frames_;   // likewise
  std::optional<SameFrames> same_frames_;
  std::vector<RangeChange> ranges_;  // from first_range_ on
  size_t first_range_ = 0;
  bool has_figures_ = false;
};

// Returns whether the words of two contents are stored as the same bytes.
bool StoredAlike(const StoredBlob& before, const StoredBlob& after);

}  // namespace pagesnap

#endif  // LIB_QUERY_CHANGE_CHANGE_ANALYSIS_H_
