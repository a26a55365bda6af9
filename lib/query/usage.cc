#include "lib/query/usage.h"

#include <unordered_set>

#include "lib/base/error.h"
#include "lib/kernel/frame_flags.h"
#include "lib/query/content_scan.h"

namespace pagesnap {
namespace {

constexpr int kPssShift = 12;  // fs/proc/task_mmu.c, PSS_SHIFT

// Below this, starting threads and reading all frames costs more than it saves.
constexpr size_t kContentsWorthThreads = 16;

}  // namespace

UsageCalculator::UsageCalculator(SnapshotReader& reader) : reader_(reader) { LoadGaps(); }

void UsageCalculator::LoadGaps() {
  for (const Source& source : reader_.sources()) {
    Statement statement(*source.database,
                        "SELECT mapping_id, process_id, source || ': ' || reason FROM gap "
                        "WHERE source = 'pagemap' AND process_id IS NOT NULL");
    while (statement.Step()) {
      std::string reason(statement.Text(2));
      if (statement.IsNull(0)) {
        process_gaps_.emplace(source.Global(IdSpace::kProcess, statement.Int(1)), reason);
      } else {
        mapping_gaps_.emplace(source.Global(IdSpace::kMapping, statement.Int(0)), reason);
      }
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
    total.torn += sums.torn;
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
  usage.torn_count = static_cast<int64_t>(total.torn);
  if (total.unread_map_count > 0) {
    usage.missing = "kpagecount was not read for all frames";
    return usage;
  }
  usage.uss_kib = kib(total.uss);
  usage.pss_kib = static_cast<int64_t>(total.pss >> (10 + kPssShift));
  return usage;
}

void UsageCalculator::Prepare(std::span<const MappingInfo> mappings) {
  std::map<int64_t, std::vector<int64_t>> wanted;  // contents by snapshot
  std::map<int64_t, std::unordered_set<int64_t>> seen;
  for (const MappingInfo& mapping : mappings) {
    const SnapshotInfo& snapshot = reader_.snapshot(mapping.snapshot_id);
    if (mapping.pfn_map || !MissingReason(snapshot, mapping).empty()) continue;
    const auto& known = content_sums_[snapshot.id];
    for (const ChunkInfo& chunk : reader_.Chunks(mapping)) {
      if (chunk.present_count == 0 || known.contains(chunk.content_id)) continue;
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
  FrameTable& frames = reader_.Frames(snapshot_id);
  try {
    frames.LoadAll();
  } catch (const Error&) {
    return;  // one by one, what does not need the damaged chunk still has figures
  }
  auto find = [&](uint64_t pfn) { return frames.FindLoaded(pfn); };
  std::vector<Sums> sums(contents.size());
  ForEachContent(reader_, contents, OnDamage::kSkip,
                 [&](size_t index, std::span<const uint64_t> words, size_t) {
                   AddWords(snapshot, words, find, &sums[index]);
                   sums[index].complete = true;
                 });
  auto& known = content_sums_[snapshot_id];
  for (size_t i = 0; i < contents.size(); ++i) {
    sums[i].damaged = !sums[i].complete;
    known.emplace(contents[i], sums[i]);
  }
}

const UsageCalculator::Sums& UsageCalculator::ContentSums(const SnapshotInfo& snapshot,
                                                          int64_t content_id) {
  auto [place, is_new] = content_sums_[snapshot.id].try_emplace(content_id);
  if (is_new) {
    try {
      FrameTable& frames = reader_.Frames(snapshot.id);
      AddWords(
          snapshot, reader_.Words(content_id), [&](uint64_t pfn) { return frames.Find(pfn); },
          &place->second);
    } catch (const Error&) {
      place->second.damaged = true;
    }
  }
  return place->second;
}

template <typename Find>
void UsageCalculator::AddWords(const SnapshotInfo& snapshot, std::span<const uint64_t> words,
                               const Find& find, Sums* out) {
  const uint64_t pss_unit = snapshot.page_size << kPssShift;
  Sums sums = *out;  // in registers
  for (uint64_t raw : words) {
    PageWord word(raw);
    if (!word.present()) continue;
    const FrameFacts* facts = find(word.pfn());
    if (facts == nullptr || facts->flags == kNotRead) {
      ++sums.unread_flags;
      continue;
    }
    if ((facts->flags & kFrameHuge) != 0) {
      ++sums.hugetlb;
      continue;
    }
    if ((facts->flags & (kFrameZeroPage | kFrameNoPage)) != 0) continue;
    ++sums.rss;
    // kNotRead is no count of 0, so that only the flags speak then.
    sums.torn += ContradictsMapping(facts->flags, facts->map_count);
    if (facts->map_count == kNotRead) {
      ++sums.unread_map_count;
    } else if (facts->map_count <= 1) {
      ++sums.uss;
      sums.pss += pss_unit;
    } else {
      sums.pss += pss_unit / facts->map_count;
    }
  }
  *out = sums;
}

}  // namespace pagesnap
