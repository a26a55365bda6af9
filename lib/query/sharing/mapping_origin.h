// What decides the fate of frames and is the same for all frames of a mapping.
#ifndef LIB_QUERY_SHARING_MAPPING_ORIGIN_H_
#define LIB_QUERY_SHARING_MAPPING_ORIGIN_H_

#include <cstdint>
#include <vector>

#include "lib/query/scan/frame_fate.h"
#include "lib/query/scan/snapshot_layout.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

struct MappingOrigin {
  uint32_t process = 0;             // its number, in the order of the mappings
  FileName name = FileName::kNone;  // of what is mapped
  bool is_of_several = false;       // another process has the same address space
};

// Returns those of all mappings of a layout of the snapshot. Throws Error.
std::vector<MappingOrigin> OriginsOf(SnapshotReader& reader, int64_t snapshot_id,
                                     const SnapshotLayout& layout);

}  // namespace pagesnap

#endif  // LIB_QUERY_SHARING_MAPPING_ORIGIN_H_
