#include "lib/query/usage.h"

#include "lib/base/error.h"
#include "lib/kernel/frame_flags.h"

namespace pagesnap {
namespace {

constexpr int kPssShift = 12;  // fs/proc/task_mmu.c, PSS_SHIFT

}  // namespace

UsageCalculator::UsageCalculator(SnapshotReader& reader) : reader_(reader) { LoadGaps(); }

void UsageCalculator::LoadGaps() {
  Statement statement(reader_.database(),
                      "SELECT mapping_id, process_id, source || ': ' || reason FROM gap "
                      "WHERE source = 'pagemap' AND process_id IS NOT NULL");
  while (statement.Step()) {
    std::string reason(statement.Text(2));
    if (statement.IsNull(0)) {
      process_gaps_.emplace(statement.Int(1), reason);
    } else {
      mapping_gaps_.emplace(statement.Int(0), reason);
    }
  }
}

std::string UsageCalculator::MissingReason(const SnapshotInfo& snapshot,
                                           const MappingInfo& mapping) const {
  if (auto gap = mapping_gaps_.find(mapping.id); gap != mapping_gaps_.end()) return gap->second;
  if (auto gap = process_gaps_.find(mapping.process_id); gap != process_gaps_.end()) {
    return gap->second;
  }
  if (!snapshot.pfn_visible) return "PFNs were hidden from capture";
  return "";
}

MappingUsage UsageCalculator::Compute(const MappingInfo& mapping) {
  const SnapshotInfo& snapshot = reader_.snapshot(mapping.snapshot_id);
  MappingUsage usage;
  usage.missing = MissingReason(snapshot, mapping);
  Sums total;
  for (const ChunkInfo& chunk : reader_.Chunks(mapping)) {
    usage.present_count += chunk.present_count;
    usage.swapped_count += chunk.swapped_count;
    usage.special_count += chunk.special_count;
    if (mapping.pfn_map || chunk.present_count == 0 || !usage.missing.empty()) continue;
    const Sums& sums = ContentSums(snapshot, chunk.content_id);
    total.rss += sums.rss;
    total.uss += sums.uss;
    total.hugetlb += sums.hugetlb;
    total.pss += sums.pss;
    total.unread_flags += sums.unread_flags;
    total.unread_map_count += sums.unread_map_count;
    total.damaged |= sums.damaged;
  }
  usage.absent_count = static_cast<int64_t>(mapping.page_count) - usage.present_count -
                       usage.swapped_count - usage.special_count;
  if (!usage.missing.empty()) return usage;
  auto kib = [&](uint64_t pages) { return static_cast<int64_t>(pages * snapshot.page_size >> 10); };
  usage.swap_kib = kib(static_cast<uint64_t>(usage.swapped_count));
  if (total.damaged) {
    usage.missing = "a blob is damaged, see 'analyze check'";
    return usage;
  }
  if (total.unread_flags > 0) {
    usage.missing = "kpageflags was not read for all frames";
    return usage;
  }
  usage.rss_kib = kib(total.rss);
  usage.hugetlb_kib = kib(total.hugetlb);
  if (total.unread_map_count > 0) {
    usage.missing = "kpagecount was not read for all frames";
    return usage;
  }
  usage.uss_kib = kib(total.uss);
  usage.pss_kib = static_cast<int64_t>(total.pss >> (10 + kPssShift));
  return usage;
}

const UsageCalculator::Sums& UsageCalculator::ContentSums(const SnapshotInfo& snapshot,
                                                          int64_t content_id) {
  if (snapshot.id != sums_snapshot_id_) {
    content_sums_.clear();
    sums_snapshot_id_ = snapshot.id;
  }
  auto [place, is_new] = content_sums_.try_emplace(content_id);
  if (is_new) {
    try {
      AddContent(snapshot, content_id, &place->second);
    } catch (const Error&) {
      place->second.damaged = true;
    }
  }
  return place->second;
}

void UsageCalculator::AddContent(const SnapshotInfo& snapshot, int64_t content_id, Sums* sums) {
  FrameTable& frames = reader_.Frames(snapshot.id);
  const uint64_t pss_unit = snapshot.page_size << kPssShift;
  for (uint64_t raw : reader_.Words(content_id)) {
    PageWord word(raw);
    if (!word.present()) continue;
    const FrameFacts* facts = frames.Find(word.pfn());
    if (facts == nullptr || facts->flags == kNotRead) {
      ++sums->unread_flags;
      continue;
    }
    if ((facts->flags & kFrameHuge) != 0) {
      ++sums->hugetlb;
      continue;
    }
    if ((facts->flags & (kFrameZeroPage | kFrameNoPage)) != 0) continue;
    ++sums->rss;
    if (facts->map_count == kNotRead) {
      ++sums->unread_map_count;
    } else if (facts->map_count <= 1) {
      ++sums->uss;
      sums->pss += pss_unit;
    } else {
      sums->pss += pss_unit / facts->map_count;
    }
  }
}

}  // namespace pagesnap
