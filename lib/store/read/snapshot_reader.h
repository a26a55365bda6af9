// Reads the snapshots of one file: the bulk data behind the virtual tables of lib/query.
#ifndef LIB_STORE_READ_SNAPSHOT_READER_H_
#define LIB_STORE_READ_SNAPSHOT_READER_H_

#include <cstdint>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/recent.h"
#include "lib/codec/accounting_table.h"
#include "lib/kernel/page_word.h"
#include "lib/store/frames/content_usage.h"
#include "lib/store/frames/frame_table.h"
#include "lib/store/frames/zone_table.h"
#include "lib/store/read/source.h"
#include "lib/store/sqlite/facts.h"
#include "lib/store/sqlite/statement.h"
#include "lib/store/sqlite/stored_blob.h"

namespace pagesnap {

// One row of `snapshot`, with what is needed to read its words.
struct SnapshotInfo {
  int64_t id;
  uint64_t page_size;  // bytes
  KernelRelease release;
  PageWordDecoder decoder;
  bool pfn_visible;
  bool flags_read;                         // kpageflags was read at least partly
  bool map_count_read;                     // kpagecount, likewise
  bool cgroup_read;                        // kpagecgroup, likewise
  std::shared_ptr<const ZoneTable> zones;  // once for all snapshots that have the same

  // Returns how many pages one entry of the page table's second level (a PMD) maps when it maps a
  // huge page: as many as a table of the lowest level has entries. A table fills a page and an
  // entry has 8 bytes on x86-64, arm64, riscv64 and loongarch64: 512 for pages of 4 KiB, so 2 MiB;
  // 8192 for those of 64 KiB, 512 MiB.
  [[nodiscard]] uint64_t pmd_pages() const { return PmdPages(page_size); }

  // Returns the zone of a frame, or null.
  [[nodiscard]] const Zone* ZoneOf(uint64_t pfn) const { return zones->Find(pfn); }
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

// How many of everything there is, for the planner. At least 1 each.
struct ReaderSize {
  double snapshots = 1;
  double processes = 1;
  double mappings = 1;
  double pages = 1;  // populated
  double frames = 1;
};

// Sees the snapshots of all its files as one sequence; ids are those of Source. Used by one thread.
class SnapshotReader {
 public:
  // The databases are borrowed, and pagesnap files. Throws Error.
  explicit SnapshotReader(const Database& database);
  explicit SnapshotReader(const std::vector<const Database*>& databases);
  ~SnapshotReader();

  // The first file.
  [[nodiscard]] const Database& database() const { return *sources_.front().database; }
  [[nodiscard]] const std::vector<Source>& sources() const { return sources_; }
  [[nodiscard]] const std::vector<SnapshotInfo>& snapshots() const { return snapshots_; }
  // Throws Error for an id that no file has.
  [[nodiscard]] const SnapshotInfo& snapshot(int64_t id) const;
  // Returns the source that has this id. Throws Error when none has.
  [[nodiscard]] const Source& SourceOf(IdSpace space, int64_t id) const;
  // Counted when it is first asked for.
  const ReaderSize& size();

  // Returns the ids of the processes that `filter` admits, ascending.
  [[nodiscard]] std::vector<int64_t> Processes(const PageFilter& filter) const;
  // Returns the pid of a process, -1 for an id that no file has.
  [[nodiscard]] int64_t Pid(int64_t process_id) const;
  // Returns the mappings of a process that `filter` admits, by address.
  [[nodiscard]] std::vector<MappingInfo> Mappings(int64_t process_id,
                                                  const PageFilter& filter) const;
  // Returns the chunks of a mapping, by first page: they do not overlap, and have no more pages
  // than a content can have.
  [[nodiscard]] std::vector<ChunkInfo> Chunks(const MappingInfo& mapping);

  // Returns the page words of a content; those used last are kept. Throws Error when the content
  // is damaged.
  std::shared_ptr<const std::vector<uint64_t>> SharedWords(int64_t content_id);
  // The same as a span that is valid until the next call.
  std::span<const uint64_t> Words(int64_t content_id) { return *SharedWords(content_id); }
  // Reads a content for DecodeContent(). Throws Error when it is not there.
  void Fetch(int64_t content_id, StoredBlob* content);

  // Returns how many pages a content has, 1 to kPagesPerChunk. Throws Error as Fetch() does.
  [[nodiscard]] uint32_t ContentPages(int64_t content_id) const;

  // Returns what content_usage says of contents of a snapshot, by content id; kept as Frames() are.
  // Throws Error when the table has what cannot be.
  using ContentUsages = std::unordered_map<int64_t, ContentUsage>;
  std::shared_ptr<const ContentUsages> Usages(int64_t snapshot_id);
  // Returns what it says of one, or null when that has to be added up. Valid until three other
  // snapshots were asked for. Throws like Usages().
  const ContentUsage* Usage(int64_t snapshot_id, int64_t content_id);

  // Returns the kernel's figures for a process, or null when they were not captured. Valid until
  // the next call. Throws Error when they are damaged.
  const AccountingTable* Accounting(int64_t process_id);

  // Remembers the first damage that somebody came upon and went on without: what a figure needed is
  // unknown then. Thread-safe.
  void NoteDamage(std::string_view problem);
  // Returns it, "" when there was none.
  [[nodiscard]] std::string damage() const;

  // Returns the frames of a snapshot. Those of the snapshots that were asked for last are kept.
  std::shared_ptr<FrameTable> Frames(int64_t snapshot_id);

 private:
  struct ProcessKey {
    int64_t id;
    int64_t snapshot_id;
    int64_t pid;
  };
  struct Statements;

  void LoadSnapshots(const Source& source);
  std::shared_ptr<const ZoneTable> LoadZones(const Source& source, int64_t facts_id,
                                             int64_t local_id);
  void LoadProcesses(const Source& source);
  [[nodiscard]] const ProcessKey* FindProcess(int64_t process_id) const;
  [[nodiscard]] Statements& StatementsOf(const Source& source) const;
  [[nodiscard]] MappingInfo MappingFrom(const Source& source, const Statement& row,
                                        const ProcessKey& process) const;

  std::vector<Source> sources_;
  std::vector<std::unique_ptr<Statements>> statements_;        // of each source
  std::map<int64_t, std::shared_ptr<const ZoneTable>> zones_;  // by snapshot, while they are loaded
  std::vector<SnapshotInfo> snapshots_;
  std::vector<ProcessKey> processes_;
  std::unordered_map<int64_t, std::vector<int64_t>> processes_of_;  // ids, by snapshot
  struct UsagesOf {
    int64_t snapshot_id;
    std::shared_ptr<const ContentUsages> usages;
  };
  Recent<FrameTable> frames_;
  Recent<UsagesOf> usages_;
  std::optional<ReaderSize> size_;
  struct CachedWords {
    int64_t content_id;
    std::shared_ptr<const std::vector<uint64_t>> words;
  };
  StoredBlob content_;
  std::list<CachedWords> recent_words_;  // the last one first
  mutable std::mutex damage_mutex_;      // guards damage_
  std::string damage_;
  int64_t accounting_process_id_ = 0;
  std::optional<AccountingTable> accounting_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_READ_SNAPSHOT_READER_H_
