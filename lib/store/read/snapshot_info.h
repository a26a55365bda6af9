// The snapshots of the files that a reader sees.
#ifndef LIB_STORE_READ_SNAPSHOT_INFO_H_
#define LIB_STORE_READ_SNAPSHOT_INFO_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "lib/kernel/map_count.h"
#include "lib/kernel/page_word.h"
#include "lib/store/frames/zone_table.h"
#include "lib/store/read/source.h"

namespace pagesnap {

// One row of `snapshot`, with what is needed to read its words.
struct SnapshotInfo {
  int64_t id;
  uint64_t page_size;  // bytes
  KernelRelease release;
  MapCountKind map_counts;
  PageWordDecoder decoder;
  bool pfn_visible;
  bool has_soft_dirty = true;              // the kernel has the bit, as far as is known
  bool flags_read;                         // kpageflags was read at least partly
  bool map_count_read;                     // kpagecount, likewise
  bool cgroup_read;                        // kpagecgroup, likewise
  std::shared_ptr<const ZoneTable> zones;  // once for all snapshots that have the same
  bool folio_ends_read;  // what is known of the frame behind a folio means something

  // Returns how many pages one entry of the page table's second level (a PMD) maps when it maps a
  // huge page: as many as a table of the lowest level has entries. A table fills a page and an
  // entry has 8 bytes on x86-64, arm64, riscv64 and loongarch64: 512 for pages of 4 KiB, so 2 MiB;
  // 8192 for those of 64 KiB, 512 MiB.
  [[nodiscard]] uint64_t pmd_pages() const { return PmdPages(page_size); }

  // Returns the zone of a frame, or null.
  [[nodiscard]] const Zone* ZoneOf(uint64_t pfn) const { return zones->Find(pfn); }
};

// Reads the snapshots of all sources, by id. Throws Error for what no capture writes.
std::vector<SnapshotInfo> LoadSnapshots(const std::vector<Source>& sources);

// Returns the one of `snapshots`, which ascend, that has this id, or null.
const SnapshotInfo* FindSnapshot(const std::vector<SnapshotInfo>& snapshots, int64_t id);

}  // namespace pagesnap

#endif  // LIB_STORE_READ_SNAPSHOT_INFO_H_
