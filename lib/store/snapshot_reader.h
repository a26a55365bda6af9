// Reads the snapshots of one file: the bulk data behind the virtual tables of lib/query.
#ifndef LIB_STORE_SNAPSHOT_READER_H_
#define LIB_STORE_SNAPSHOT_READER_H_

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/codec/accounting_table.h"
#include "lib/kernel/page_word.h"
#include "lib/store/facts.h"
#include "lib/store/frame_table.h"
#include "lib/store/snapshot_contents.h"
#include "lib/store/sqlite.h"

namespace pagesnap {

struct Zone {
  int64_t node;
  std::string name;
  uint64_t start_pfn;
  uint64_t end_pfn;
};

// One row of `snapshot`, with what is needed to read its words.
struct SnapshotInfo {
  int64_t id;
  uint64_t page_size;  // bytes
  KernelRelease release;
  PageWordDecoder decoder;
  bool pfn_visible;
  bool flags_read;      // kpageflags was read at least partly
  bool map_count_read;  // kpagecount, likewise
  std::vector<Zone> zones;

  // Returns the zone of a frame, or null.
  [[nodiscard]] const Zone* ZoneOf(uint64_t pfn) const;
};

struct MappingInfo {
  int64_t id;
  int64_t process_id;
  int64_t snapshot_id;
  uint64_t first_page;  // virtual page number
  uint64_t page_count;
  bool pfn_map;  // VM_PFNMAP: pages without accounting
};

// Part of a mapping with populated pages, and where its words are.
struct ChunkInfo {
  uint64_t first_page;  // from the start of the mapping
  int64_t content_id;
  int64_t present_count;
  int64_t swapped_count;
  int64_t special_count;
};

// Which processes, mappings and pages a cursor visits. What is not set is not restricted.
struct PageFilter {
  std::optional<int64_t> snapshot_id = std::nullopt;
  std::optional<int64_t> process_id = std::nullopt;
  std::optional<int64_t> mapping_id = std::nullopt;
  uint64_t first_page = 0;                                    // virtual page number
  uint64_t last_page = std::numeric_limits<uint64_t>::max();  // inclusive
};

class SnapshotReader {
 public:
  // `database` is borrowed, and a pagesnap file. Throws Error.
  explicit SnapshotReader(const Database& database);

  [[nodiscard]] const Database& database() const { return database_; }
  [[nodiscard]] const std::vector<SnapshotInfo>& snapshots() const { return snapshots_; }
  // Throws Error for an id that the file has not.
  [[nodiscard]] const SnapshotInfo& snapshot(int64_t id) const;

  // Returns the ids of the processes that `filter` admits, ascending.
  [[nodiscard]] std::vector<int64_t> Processes(const PageFilter& filter) const;
  // Returns the mappings of a process that `filter` admits, by address.
  [[nodiscard]] std::vector<MappingInfo> Mappings(int64_t process_id,
                                                  const PageFilter& filter) const;
  // Returns the chunks of a mapping, by first page.
  [[nodiscard]] std::vector<ChunkInfo> Chunks(const MappingInfo& mapping);

  // Returns the page words of a content. The span is valid until the next call. Throws Error when
  // the content is damaged.
  std::span<const uint64_t> Words(int64_t content_id);

  // Returns the kernel's figures for a process, or null when they were not captured. Valid until
  // the next call. Throws Error when they are damaged.
  const AccountingTable* Accounting(int64_t process_id);

  // Returns the frames of a snapshot; they live as long as this object.
  FrameTable& Frames(int64_t snapshot_id);

 private:
  struct ProcessKey {
    int64_t id;
    int64_t snapshot_id;
  };
  void LoadSnapshots();
  std::optional<SwapTypeConfig> LoadSwapTypes(int64_t snapshot_id) const;
  std::vector<Zone> LoadZones(int64_t snapshot_id) const;

  const Database& database_;
  std::vector<SnapshotInfo> snapshots_;
  std::vector<ProcessKey> processes_;
  std::map<int64_t, FrameTable> frames_;
  SnapshotContents contents_;
  std::unique_ptr<Statement> chunk_statement_;
  int64_t words_content_id_ = 0;
  std::vector<uint64_t> words_;
  int64_t accounting_process_id_ = 0;
  std::optional<AccountingTable> accounting_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_SNAPSHOT_READER_H_
