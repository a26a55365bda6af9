#include "lib/query/usage/usage.h"

#include <unordered_set>

#include "lib/base/error.h"
#include "lib/query/scan/content_scan.h"
#include "lib/store/frames/content_usage.h"

namespace pagesnap {
namespace {

// Below this, starting threads and reading all frames costs more than it saves.
constexpr size_t kContentsWorthThreads = 16;
// Whose sums are kept.
constexpr size_t kMaxSnapshots = 4;

template <typename Frames>
UsageSums SumsOf(const SnapshotInfo& snapshot, std::span<const uint64_t> words, Frames frames) {
  return ContentUsageCounter<Frames, NoFactsHash>(snapshot.release, snapshot.map_counts,
                                                  snapshot.page_size, frames)
      .Count(words)
      .sums;
}

}  // namespace

std::string MissingReason(const SnapshotInfo& snapshot, const MappingInfo& mapping,
                          const PageGaps& gaps) {
  const std::string& reason = gaps.ReasonFor(mapping);
  if (!reason.empty()) return reason;
  if (!snapshot.pfn_visible) return "PFNs were hidden from capture";
  return "";
}

void SetFigures(const UsageSums& sums, uint64_t page_size, MappingUsage* usage) {
  if (!usage->missing.empty()) return;
  auto kib = [&](uint64_t pages) { return static_cast<int64_t>(pages * page_size >> 10); };
  if (sums.damaged) usage->missing = "a blob is damaged, see 'analyze check'";
  usage->swap_kib = kib(static_cast<uint64_t>(usage->swapped_count));
  if (sums.damaged) return;
  if (sums.unread_flags > 0) {
    usage->missing = "kpageflags was not read for all frames";
    return;
  }
  usage->rss_kib = kib(sums.rss);
  usage->hugetlb_kib = kib(sums.hugetlb);
  usage->anonymous_kib = kib(sums.anonymous);
  usage->shmem_kib = kib(sums.shmem);
  usage->file_kib = kib(sums.rss - sums.anonymous - sums.shmem);
  usage->thp_kib = kib(sums.thp);
  usage->torn_count = static_cast<int64_t>(sums.torn);
  if (sums.unread_map_count > 0) {
    usage->missing = "kpagecount was not read for all frames";
    return;
  }
  usage->uss_kib = kib(sums.uss);
  usage->pss = static_cast<int64_t>(sums.pss);
}

MappingUsage UsageCalculator::Compute(const MappingInfo& mapping) {
  const SnapshotInfo& snapshot = reader_.snapshot(mapping.snapshot_id);
  MappingUsage usage;
  usage.missing = MissingReason(snapshot, mapping, gaps_);
  UsageSums total;
  for (const ChunkInfo& chunk : reader_.Chunks(mapping)) {
    usage.present_count += chunk.present_count;
    usage.swapped_count += chunk.swapped_count;
    usage.special_count += chunk.special_count;
    if (mapping.pfn_map || chunk.present_count == 0 || !usage.missing.empty()) continue;
    total.Add(ContentSums(snapshot, chunk.content_id));
  }
  (mapping.is_hidden ? usage.hidden_count : usage.absent_count) =
      static_cast<int64_t>(mapping.page_count) - usage.present_count - usage.swapped_count -
      usage.special_count;
  usage.gap_count = static_cast<int64_t>(gaps_.UnreadCount(mapping, 0, mapping.page_count));
  SetFigures(total, snapshot.page_size, &usage);
  return usage;
}

// Forgets the sums of other snapshots when there are some of them: a series has thousands.
void UsageCalculator::Forget(std::span<const MappingInfo> mappings) {
  if (mappings.empty() || content_sums_.size() < kMaxSnapshots) return;
  std::erase_if(content_sums_,
                [&](const auto& entry) { return entry.first != mappings.front().snapshot_id; });
}

void UsageCalculator::Prepare(std::span<const MappingInfo> mappings) {
  Forget(mappings);
  std::map<int64_t, std::vector<int64_t>> wanted;  // contents by snapshot
  std::map<int64_t, std::unordered_set<int64_t>> seen;
  for (const MappingInfo& mapping : mappings) {
    const SnapshotInfo& snapshot = reader_.snapshot(mapping.snapshot_id);
    if (mapping.pfn_map || !MissingReason(snapshot, mapping, gaps_).empty()) continue;
    const auto& known = content_sums_[snapshot.id];
    for (const ChunkInfo& chunk : reader_.Chunks(mapping)) {
      if (chunk.present_count == 0 || known.contains(chunk.content_id)) continue;
      if (reader_.Usage(snapshot.id, chunk.content_id) != nullptr) continue;
      if (seen[snapshot.id].insert(chunk.content_id).second)
        wanted[snapshot.id].push_back(chunk.content_id);
    }
  }
  for (const auto& [snapshot_id, contents] : wanted) {
    if (contents.size() >= kContentsWorthThreads) AddContents(snapshot_id, contents);
  }
}

void UsageCalculator::AddContents(int64_t snapshot_id, const std::vector<int64_t>& contents) {
  const SnapshotInfo& snapshot = reader_.snapshot(snapshot_id);
  const std::shared_ptr<FrameTable> table = reader_.Frames(snapshot_id);
  const LoadedFrames frames = table->LoadSound();
  reader_.NoteDamage(frames.problem());
  std::vector<UsageSums> sums(contents.size());
  for (UsageSums& one : sums) one.damaged = true;  // until it is decoded
  ForEachContent(reader_, contents, OnDamage::kSkip,
                 [&](size_t index, std::span<const uint64_t> words, size_t) {
                   sums[index] = SumsOf(snapshot, words, frames);
                   // Nothing is known of frames in a damaged chunk.
                   sums[index].damaged = !frames.problem().empty() && sums[index].unread_flags > 0;
                 });
  auto& known = content_sums_[snapshot_id];
  for (size_t i = 0; i < contents.size(); ++i) known.emplace(contents[i], sums[i]);
}

const UsageSums& UsageCalculator::ContentSums(const SnapshotInfo& snapshot, int64_t content_id) {
  if (const ContentUsage* usage = reader_.Usage(snapshot.id, content_id)) return usage->sums;
  auto [place, is_new] = content_sums_[snapshot.id].try_emplace(content_id);
  if (is_new) {
    try {
      const std::shared_ptr<FrameTable> frames = reader_.Frames(snapshot.id);
      place->second = SumsOf(snapshot, reader_.Words(content_id), FramesOnDemand{frames.get()});
    } catch (const Error& error) {
      reader_.NoteDamage(error.what());
      place->second.damaged = true;
    }
  }
  return place->second;
}

}  // namespace pagesnap
