// What decides the fate of frames and is the same for all frames of a mapping.
#ifndef LIB_QUERY_SHARING_MAPPING_ORIGIN_H_
#define LIB_QUERY_SHARING_MAPPING_ORIGIN_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/query/scan/frame_fate.h"
#include "lib/query/scan/group_layout.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

struct MappingOrigin {
  static constexpr uint32_t kNoFile = ~uint32_t{0};

  uint32_t group = 0;               // into MappingOrigins::group_ids
  FileName name = FileName::kNone;  // of what is mapped
  bool is_of_several = false;       // a process of another group has the same address space
  uint32_t file = kNoFile;          // into MappingOrigins::files
};

// A file without a name that captured processes of one group alone map.
struct UnnamedFile {
  uint32_t first_mapping = 0;                         // index into SnapshotLayout::mappings()
  std::optional<int64_t> block_count = std::nullopt;  // of 512 bytes, in memory or swap
};

struct MappingOrigins {
  std::vector<MappingOrigin> of_mapping;
  std::vector<UnnamedFile> files;
  std::vector<int64_t> group_ids;  // in the order of the mappings
};

// Returns those of all mappings of a layout of the snapshot, whose groups are given. Throws Error.
MappingOrigins OriginsOf(SnapshotReader& reader, int64_t snapshot_id, const SnapshotLayout& layout,
                         const GroupLayout& groups);

}  // namespace pagesnap

#endif  // LIB_QUERY_SHARING_MAPPING_ORIGIN_H_
