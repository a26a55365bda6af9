// What a content amounts to, found once however many mappings have it.
#ifndef LIB_QUERY_SCAN_CONTENT_SUMMARIES_H_
#define LIB_QUERY_SCAN_CONTENT_SUMMARIES_H_

#include <algorithm>
#include <compare>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "lib/query/scan/content_scan.h"
#include "lib/query/scan/page_cut.h"

namespace pagesnap {

// Keeps a Summary for each content that was asked for, and each place that mappings have it at:
// where it begins in the range of pages that one PMD maps. Summary has
//   static constexpr bool kNeedsPlace: otherwise the place is always 0
//   static constexpr bool kPresentOnly: it is about the frames of present pages, so that contents
//     without them, and snapshots with hidden PFNs, need not be looked at
//   void Add(const SnapshotInfo&, const Frames&, std::span<const uint64_t> words, uint64_t place)
// where Frames is FramesOnDemand or LoadedFrames, and `place` the number of the first page.
template <typename Summary>
class ContentSummaries {
 public:
  // `reader` is borrowed.
  explicit ContentSummaries(SnapshotReader& reader) : reader_(reader) {}

  // Finds what these mappings need, on all cores. Not needed, only faster. Throws Error for what
  // is damaged.
  void Prepare(std::span<const MappingInfo> mappings) {
    std::map<int64_t, std::vector<Key>> wanted;  // by snapshot
    for (const MappingInfo& mapping : mappings) {
      const SnapshotInfo& snapshot = reader_.snapshot(mapping.snapshot_id);
      if (!snapshot.pfn_visible) continue;
      for (const ChunkInfo& chunk : reader_.Chunks(mapping)) {
        const Key key = KeyOf(snapshot, mapping, chunk);
        if (chunk.present_count > 0 && !summaries_.contains(key))
          wanted[snapshot.id].push_back(key);
      }
    }
    for (auto& [snapshot_id, keys] : wanted) {
      std::sort(keys.begin(), keys.end());
      keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
      keys.resize(std::min(keys.size(), kMaxKept));
      if (summaries_.size() + keys.size() > kMaxKept) summaries_.clear();
      if (keys.size() >= kContentsWorthThreads) AddAll(reader_.snapshot(snapshot_id), keys);
    }
  }

  // Calls take(summary, shift) for each chunk of the mapping that Summary is about, in order: a
  // page of the summary plus `shift` is the virtual page number. Of a chunk that lies across an end
  // of `cut`, the summary is about what is inside. Throws Error for what is damaged.
  template <typename Take>
  void ForEach(const MappingInfo& mapping, const PageCut& cut, const Take& take) {
    const SnapshotInfo& snapshot = reader_.snapshot(mapping.snapshot_id);
    if (!IsWanted(snapshot)) return;
    for (const ChunkInfo& chunk : reader_.Chunks(mapping)) {
      if (!IsWanted(chunk)) continue;
      if (!cut.is_all()) {
        const uint64_t first_page = mapping.first_page + chunk.first_page;
        const uint64_t count = reader_.ContentPages(chunk.content_id);
        const PageCut::Words inside = cut.Of(first_page, count);
        if (inside.empty()) continue;
        if (inside.end - inside.begin < count) {
          TakePart(snapshot, chunk, first_page, inside, take);
          continue;
        }
      }
      const Key key = KeyOf(snapshot, mapping, chunk);
      auto found = summaries_.find(key);
      if (found == summaries_.end() && summaries_.size() >= kMaxKept) summaries_.clear();
      if (found == summaries_.end()) found = Add(snapshot, key);
      take(found->second, mapping.first_page + chunk.first_page - key.place);
    }
  }

 private:
  // Below this, starting threads and reading all frames costs more than it saves.
  static constexpr size_t kContentsWorthThreads = 16;
  // Some hundred bytes each. A billion pages have as many; a file can claim more with less.
  static constexpr size_t kMaxKept = size_t{1} << 18;

  struct Key {
    int64_t snapshot_id;
    int64_t content_id;
    uint64_t place;
    auto operator<=>(const Key&) const = default;
  };
  using Summaries = std::map<Key, Summary>;

  static bool IsWanted(const SnapshotInfo& snapshot) {
    return !Summary::kPresentOnly || snapshot.pfn_visible;
  }
  static bool IsWanted(const ChunkInfo& chunk) {
    return !Summary::kPresentOnly || chunk.present_count > 0;
  }
  static Key KeyOf(const SnapshotInfo& snapshot, const MappingInfo& mapping,
                   const ChunkInfo& chunk) {
    const uint64_t first_page = mapping.first_page + chunk.first_page;
    return {snapshot.id, chunk.content_id,
            Summary::kNeedsPlace ? first_page % snapshot.pmd_pages() : 0};
  }
  // Takes the summary of a part of a chunk, which is not kept.
  template <typename Take>
  void TakePart(const SnapshotInfo& snapshot, const ChunkInfo& chunk, uint64_t first_page,
                const PageCut::Words& inside, const Take& take) {
    Summary summary;
    const std::shared_ptr<FrameTable> frames = reader_.Frames(snapshot.id);
    const auto words = reader_.SharedWords(chunk.content_id);
    const uint64_t page = first_page + inside.begin;
    const uint64_t place = Summary::kNeedsPlace ? page % snapshot.pmd_pages() : 0;
    summary.Add(snapshot, FramesOnDemand{frames.get()},
                std::span(*words).subspan(inside.begin, inside.end - inside.begin), place);
    take(summary, page - place);
  }
  typename Summaries::iterator Add(const SnapshotInfo& snapshot, const Key& key) {
    Summary summary;
    const std::shared_ptr<FrameTable> frames = reader_.Frames(snapshot.id);
    summary.Add(snapshot, FramesOnDemand{frames.get()}, reader_.Words(key.content_id), key.place);
    return summaries_.emplace(key, std::move(summary)).first;
  }
  void AddAll(const SnapshotInfo& snapshot, std::span<const Key> keys) {
    const std::shared_ptr<FrameTable> table = reader_.Frames(snapshot.id);
    const LoadedFrames frames = table->LoadAll();
    std::vector<int64_t> ids;
    for (const Key& key : keys) ids.push_back(key.content_id);
    std::vector<Summary> summaries(keys.size());
    ForEachContent(reader_, ids, OnDamage::kThrow,
                   [&](size_t index, std::span<const uint64_t> words, size_t) {
                     summaries[index].Add(snapshot, frames, words, keys[index].place);
                   });
    for (size_t i = 0; i < keys.size(); ++i) {
      summaries_.emplace_hint(summaries_.end(), keys[i], std::move(summaries[i]));
    }
  }

  SnapshotReader& reader_;
  Summaries summaries_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SCAN_CONTENT_SUMMARIES_H_
