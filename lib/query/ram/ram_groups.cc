#include "lib/query/ram/ram_groups.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <tuple>

#include "lib/codec/checksum.h"
#include "lib/store/sqlite/fact_tables.h"

namespace pagesnap {
namespace {

struct GroupKey {
  FrameFacts facts;
  const Zone* zone;
  RamKind kind;
  RamOwner owner;
  bool is_huge;
  friend bool operator==(const GroupKey&, const GroupKey&) = default;
  // The order that groups of one size come in. A snapshot's zones lie in one vector by PFN, so that
  // their addresses are a lasting order.
  [[nodiscard]] auto Order() const {
    return std::tuple(facts.flags, facts.map_count, facts.cgroup, zone, kind, owner, is_huge);
  }
};

struct GroupHash {
  size_t operator()(const GroupKey& key) const {
    const uint64_t facts = CombineKeys(CombineKeys(key.facts.flags, key.facts.map_count),
                                       CombineKeys(key.facts.cgroup, uint64_t(key.kind)));
    return facts ^ std::hash<const Zone*>()(key.zone) ^ uint64_t(key.owner) << 1 ^
           uint64_t { key.is_huge };
  }
};

// Counts frames by group. The frames of a folio wait until its size is known.
class GroupCounter {
 public:
  explicit GroupCounter(uint64_t huge_frames) : huge_frames_(huge_frames) {}

  void Add(const RamRun& run, RamOwner owner, uint64_t frame_count) {
    if (frame_count == 0) return;
    const bool is_known = run.facts.flags != kNotRead;
    const bool is_tail = is_known && (run.facts.flags & kFrameCompoundTail) != 0;
    if (!is_tail) EndFolio();
    const bool is_head = is_known && (run.facts.flags & kFrameCompoundHead) != 0;
    const GroupKey key = {run.facts, run.zone, run.kind, owner, false};
    if (!is_head && (!is_tail || folio_.empty())) {
      counts_[key] += frame_count;
      return;
    }
    folio_.emplace_back(key, frame_count);
    folio_frames_ += frame_count;
  }

  std::vector<RamGroup> Finish() {
    EndFolio();
    std::vector<std::pair<GroupKey, uint64_t>> counted(counts_.begin(), counts_.end());
    std::ranges::sort(counted, [](const auto& a, const auto& b) {
      return std::tuple(b.second, a.first.Order()) < std::tuple(a.second, b.first.Order());
    });
    std::vector<RamGroup> groups;
    groups.reserve(counted.size());
    for (const auto& [key, count] : counted) {
      groups.push_back({key.facts, key.zone, key.kind, key.owner, key.is_huge, count});
    }
    return groups;
  }

 private:
  void EndFolio() {
    for (auto& [key, count] : folio_) {
      key.is_huge = folio_frames_ >= huge_frames_;
      counts_[key] += count;
    }
    folio_.clear();
    folio_frames_ = 0;
  }

  uint64_t huge_frames_;
  std::unordered_map<GroupKey, uint64_t, GroupHash> counts_;
  std::vector<std::pair<GroupKey, uint64_t>> folio_;  // from its head on
  uint64_t folio_frames_ = 0;
};

// Says which frames the captured pages refer to.
class Referenced {
 public:
  Referenced(SnapshotReader& reader, int64_t snapshot_id)
      : frames_(reader.Frames(snapshot_id)), ordinals_(frames_->LoadOrdinals()) {}

  // Returns how many of these frames, which are of one chunk, they are.
  [[nodiscard]] uint64_t CountIn(uint64_t first_pfn, uint64_t frame_count) {
    const uint64_t start = first_pfn - first_pfn % kFramesPerChunk;
    if (start != start_) {
      start_ = start;
      const std::vector<uint64_t>& starts = frames_->first_pfns();
      const bool is_there = std::ranges::binary_search(starts, start);
      ranks_ = is_there ? &ordinals_.Ranks(start) : nullptr;
    }
    if (ranks_ == nullptr) return 0;
    uint64_t count = 0;
    for (uint64_t at = first_pfn - start; at < first_pfn - start + frame_count;) {
      const uint64_t end = std::min(at - at % 64 + 64, first_pfn - start + frame_count);
      const uint64_t mask = end - at == 64 ? ~uint64_t{0} : ((uint64_t{1} << (end - at)) - 1);
      const uint64_t bits = ranks_->Bits(static_cast<uint32_t>(at / 64)) >> at % 64;
      count += static_cast<uint64_t>(std::popcount(bits & mask));
      at = end;
    }
    return count;
  }

 private:
  std::shared_ptr<FrameTable> frames_;
  FrameOrdinals ordinals_;
  uint64_t start_ = ~uint64_t{0};
  const FrameRanks* ranks_ = nullptr;  // of the chunk from start_ on; null: none
};

// Divides free frames into the blocks of the allocator.
class FreeBlockCounter {
 public:
  FreeBlockCounter(int max_order, RamGroups::FreeBlocks* blocks)
      : max_order_(max_order), blocks_(blocks) {}

  void Add(const RamRun& run) {
    if (run.kind != RamKind::kFree) return;
    if (run.first_pfn != end_ || run.zone != zone_) {
      Finish();
      first_ = run.first_pfn;
      zone_ = run.zone;
    }
    end_ = run.end_pfn();
  }
  void Finish() {
    while (first_ < end_) {
      const int aligned = first_ == 0 ? max_order_ : std::countr_zero(first_);
      const int fits = static_cast<int>(std::bit_width(end_ - first_)) - 1;
      const int order = std::min({aligned, fits, max_order_});
      ++(*blocks_)[{zone_, order}];
      first_ += uint64_t{1} << order;
    }
  }

 private:
  int max_order_;
  RamGroups::FreeBlocks* blocks_;
  const Zone* zone_ = nullptr;
  uint64_t first_ = 0;
  uint64_t end_ = 0;
};

// Returns the largest order of the captured kernel's free lists.
int LargestOrder(SnapshotReader& reader, int64_t snapshot_id) {
  constexpr int kUsual = 10;  // MAX_PAGE_ORDER unless the kernel was built otherwise
  constexpr int64_t kMax = 31;
  const Source& source = reader.SourceOf(IdSpace::kSnapshot, snapshot_id);
  Statement statement = SelectFacts(*source.database, kFreeAreaFacts, "MAX(block_order)", "");
  statement.Bind(1, *source.Local(IdSpace::kSnapshot, snapshot_id));
  if (!statement.Step() || statement.IsNull(0)) return kUsual;
  return static_cast<int>(std::clamp(statement.Int(0), int64_t{0}, kMax));
}

}  // namespace

RamGroups::RamGroups(AnalysisCache& cache, int64_t snapshot_id) {
  SnapshotReader& reader = cache.reader();
  RamScan scan(reader, snapshot_id);
  if (!scan.has_ram()) return;
  Referenced referenced(reader, snapshot_id);
  GroupCounter counter(scan.snapshot().pmd_pages());
  FreeBlockCounter free(LargestOrder(reader, snapshot_id), &free_blocks_);
  while (scan.Next()) {
    const RamRun& run = scan.run();
    free.Add(run);
    auto owner = [&](bool is_referenced) {
      return RamOwnerOf(run.kind, run.facts.map_count, run.facts.flags, is_referenced);
    };
    // Only of frames that somebody maps does it matter whether a page refers to them.
    const uint64_t of_captured =
        owner(true) == owner(false) ? 0 : referenced.CountIn(run.first_pfn, run.frame_count);
    counter.Add(run, owner(true), of_captured);
    counter.Add(run, owner(false), run.frame_count - of_captured);
  }
  free.Finish();
  groups_ = counter.Finish();
}

}  // namespace pagesnap
