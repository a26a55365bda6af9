#include "lib/query/scan/snapshot_layout.h"

#include <algorithm>

#include "lib/base/work_limit.h"

namespace pagesnap {

SnapshotLayout::SnapshotLayout(SnapshotReader& reader, int64_t snapshot_id, LayoutPages pages) {
  struct Chunk {
    int64_t content_id;
    uint32_t page_count;
    ContentUse use;
  };
  std::vector<Chunk> chunks;
  for (int64_t process_id : reader.Processes({.snapshot_id = snapshot_id})) {
    for (const MappingInfo& mapping : reader.Mappings(process_id, {})) {
      CheckWork();
      auto index = static_cast<uint32_t>(mappings_.size());
      mappings_.push_back(mapping);
      for (const ChunkInfo& chunk : reader.Chunks(mapping)) {
        const int64_t count = pages == LayoutPages::kPresent
                                  ? chunk.present_count
                                  : chunk.swapped_count + chunk.special_count;
        if (count == 0) continue;
        chunks.push_back({chunk.content_id,
                          static_cast<uint32_t>(count),
                          {index, mapping.first_page + chunk.first_page}});
      }
    }
  }
  std::stable_sort(chunks.begin(), chunks.end(),
                   [](const Chunk& a, const Chunk& b) { return a.content_id < b.content_id; });
  uses_.reserve(chunks.size());
  for (const Chunk& chunk : chunks) {
    if (contents_.empty() || contents_.back() != chunk.content_id) {
      contents_.push_back(chunk.content_id);
      use_begin_.push_back(uses_.size());
      page_count_ += chunk.page_count;
    }
    uses_.push_back(chunk.use);
  }
  use_begin_.push_back(uses_.size());
}

size_t SnapshotLayout::IndexOf(const MappingInfo& mapping) const {
  const auto place = std::lower_bound(
      mappings_.begin(), mappings_.end(), mapping, [](const MappingInfo& a, const MappingInfo& b) {
        return a.process_id != b.process_id ? a.process_id < b.process_id : a.id < b.id;
      });
  return static_cast<size_t>(place - mappings_.begin());
}

}  // namespace pagesnap
