#include "lib/query/pages/frame_groups.h"

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>

namespace pagesnap {
namespace {

// What a group has in common, in the order that groups of one size come in. A snapshot's zones lie
// in one vector by PFN, so that their addresses are a lasting order.
using GroupKey = std::tuple<uint64_t, uint64_t, uint64_t, const Zone*>;

GroupKey KeyOf(const FrameFacts& facts, const Zone* zone) {
  return {facts.flags, facts.map_count, facts.cgroup, zone};
}

// Counts the frames of one chunk. A chunk has each distinct combination of facts at one place or a
// few, which therefore stand for it.
void CountChunk(const FrameChunk& chunk, const FrameRanks& ranks, uint64_t first_pfn,
                const SnapshotInfo& snapshot, std::map<GroupKey, uint64_t>* counts) {
  const FrameFacts* last_facts = nullptr;
  const Zone* last_zone = nullptr;
  uint64_t* count = nullptr;
  std::map<std::pair<const FrameFacts*, const Zone*>, uint64_t> of_chunk;
  ranks.ForEach([&](uint32_t index) {
    const FrameFacts& facts = chunk.at(index);
    const Zone* zone = snapshot.ZoneOf(first_pfn + index);
    if (count == nullptr || &facts != last_facts || zone != last_zone) {
      count = &of_chunk[{&facts, zone}];
      last_facts = &facts;
      last_zone = zone;
    }
    ++*count;
  });
  for (const auto& [place, frame_count] : of_chunk) {
    (*counts)[KeyOf(*place.first, place.second)] += frame_count;
  }
}

}  // namespace

FrameGroups::FrameGroups(SnapshotReader& reader, int64_t snapshot_id) {
  const std::shared_ptr<FrameTable> frames = reader.Frames(snapshot_id);
  const LoadedFrames facts = frames->LoadAll();
  const FrameOrdinals ordinals = frames->LoadOrdinals();
  std::map<GroupKey, uint64_t> counts;
  for (uint64_t first_pfn : frames->first_pfns()) {
    CountChunk(*facts.Chunk(first_pfn), ordinals.Ranks(first_pfn), first_pfn,
               reader.snapshot(snapshot_id), &counts);
  }
  groups_.reserve(counts.size());
  for (const auto& [key, count] : counts) {
    const auto& [flags, map_count, cgroup, zone] = key;
    groups_.push_back({{flags, map_count, cgroup}, zone, count});
  }
  std::ranges::stable_sort(groups_, std::greater(), &FrameGroup::frame_count);
}

}  // namespace pagesnap
