// The mappings of processes, and the parts of them that have pages.
#ifndef LIB_STORE_READ_MAPPING_READER_H_
#define LIB_STORE_READ_MAPPING_READER_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <unordered_set>
#include <vector>

#include "lib/store/read/snapshot_info.h"
#include "lib/store/read/source.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

struct MappingInfo {
  int64_t id;
  int64_t process_id;
  int64_t snapshot_id;
  uint64_t first_page;  // virtual page number
  uint64_t page_count;
  bool pfn_map;     // VM_PFNMAP: pages without accounting
  bool is_hidden;   // what reads as absent is hidden (HidesPages)
  int64_t file_id;  // 0: none
};

// Part of a mapping with populated pages, and where its words are.
struct ChunkInfo {
  uint64_t first_page;  // from the start of the mapping
  int64_t content_id;
  int64_t present_count;
  int64_t swapped_count;
  int64_t special_count;

  [[nodiscard]] int64_t populated_count() const {
    return present_count + swapped_count + special_count;
  }
};

// Which processes, mappings and pages a cursor visits. What is not set is not restricted.
struct PageFilter {
  std::optional<int64_t> snapshot_id = std::nullopt;
  std::optional<int64_t> process_id = std::nullopt;
  std::optional<int64_t> mapping_id = std::nullopt;
  uint64_t first_page = 0;                                    // virtual page number
  uint64_t last_page = std::numeric_limits<uint64_t>::max();  // inclusive
};

// Reads those of one source; ids are global. For one thread.
class MappingReader {
 public:
  // `source` is borrowed. Throws Error.
  explicit MappingReader(const Source& source);

  // Returns the process of a mapping, or nothing for a mapping that the source does not have.
  std::optional<int64_t> ProcessOf(int64_t mapping_id);
  // Returns the mappings of a process of the source that `filter` admits, by address; `snapshot` is
  // the process's. Throws Error for what no capture writes.
  std::vector<MappingInfo> Mappings(int64_t process_id, const SnapshotInfo& snapshot,
                                    const PageFilter& filter);
  // Returns the chunks of a mapping of the source, as SnapshotReader::Chunks() does.
  std::vector<ChunkInfo> Chunks(const MappingInfo& mapping);

 private:
  [[nodiscard]] MappingInfo CurrentMapping(int64_t process_id, const SnapshotInfo& snapshot) const;

  const Source& source_;
  MappingRows mappings_;
  Statement chunks_;
  std::unordered_set<int64_t> pfn_maps_;  // the rows of vm_flags with VM_PFNMAP
  std::unordered_set<int64_t> hidden_;    // the rows of vm_flags that hide pages
};

}  // namespace pagesnap

#endif  // LIB_STORE_READ_MAPPING_READER_H_
