// Writes snapshots into a database, in the order in which a capture learns things.
#ifndef LIB_STORE_WRITE_SNAPSHOT_WRITER_H_
#define LIB_STORE_WRITE_SNAPSHOT_WRITER_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/codec/accounting_table.h"
#include "lib/codec/frame_columns.h"
#include "lib/kernel/page_word.h"
#include "lib/store/sqlite/database.h"
#include "lib/store/sqlite/facts.h"
#include "lib/store/write/accounting_store.h"
#include "lib/store/write/content_store.h"
#include "lib/store/write/counter_store.h"
#include "lib/store/write/frame_store.h"
#include "lib/store/write/identity_map.h"
#include "lib/store/write/machine_facts.h"
#include "lib/store/write/mapping_store.h"
#include "lib/store/write/name_ids.h"
#include "lib/store/write/row_writer.h"

namespace pagesnap {

// All functions throw Error when the database cannot be written. A snapshot is in the file after
// Commit(); what was not committed is rolled back or, in a file without a journal, worthless.
// Between BeginSnapshot() and Commit() the Add and Set functions may be called by several threads
// at once: hashing and encoding run in parallel, and one of them writes what all have added.
class SnapshotWriter {
 public:
  // `database` is borrowed and has the schema (CreateSchema).
  explicit SnapshotWriter(Database& database);

  // Returns the database, to read what was added. Not while others add to it.
  [[nodiscard]] const Database& database() { return rows_.LockAllWritten().database(); }

  // Starts the next snapshot; everything added until Commit() belongs to it. Returns its id. Only
  // with `verified` SetChangedCount() may be called.
  int64_t BeginSnapshot(const SnapshotFacts& facts, bool verified = false);

  // Adds a process and returns its id.
  int64_t AddProcess(const ProcessFacts& facts);
  // The same in two steps, for who needs the id before all facts are known. Rows are added in the
  // order of their ids.
  int64_t ReserveProcessId() { return ++last_process_id_; }
  void AddProcess(int64_t id, const ProcessFacts& facts);
  // Returns the users of the processes that were added to this snapshot.
  [[nodiscard]] const std::set<int64_t>& user_ids() const { return user_ids_; }

  // Adds a mapping and returns its id. The mappings of a process are added by address.
  int64_t AddMapping(int64_t process_id, const MappingFacts& facts);
  // The same in two steps. MakeMapping() and VmFlagsId() only use memory: they neither write to the
  // database nor read it, so they may be called while processes are stopped. Rows are made by
  // address, and may be added in any order.
  MappingRow MakeMapping(int64_t process_id, const MappingFacts& facts);
  // The same with an id of those that the process takes.
  MappingRow MakeMapping(int64_t process_id, const MappingFacts& facts, MappingStore::Ids* ids);
  // Where rows are added by the list, so that those that equal others become copies.
  [[nodiscard]] MappingStore& mappings() { return mappings_; }
  // Returns what MappingRow::vm_flags_id is for these flags.
  int64_t VmFlagsId(const std::string& names) { return names_.VmFlagsId(names); }
  void AddMapping(const MappingRow& row);

  // Says what the file with this id (MappingRow::file_id) is in this snapshot; without this call
  // that is unknown. When it differs from what it was in the snapshots before, the file is another
  // one, with a row of its own.
  void SetFileFacts(int64_t file_id, const FileFacts& identity) {
    names_.SetFileFacts(file_id, identity);
  }
  // Returns the path of a file as maps writes it.
  std::string FilePath(int64_t file_id) { return names_.FilePath(file_id); }

  // `frozen`: all that was read of the process was read while it was stopped. `stopped_ns`: how
  // long capture stopped it, in nanoseconds; empty: it did not. Without this call it was not
  // stopped.
  void SetStop(int64_t process_id, bool frozen, std::optional<int64_t> stopped_ns);
  // The process ended, or executed another program, before all of it was read: its memory is
  // unknown.
  void SetEnded(int64_t process_id);
  // Process `pid` of this snapshot has the address space of process `memory_pid`, which has the
  // mappings. Both were added.
  void SetMemoryOf(int64_t pid, int64_t memory_pid);
  void SetChangedCount(int64_t mapping_id, int64_t count);
  void SetMappingCount(int64_t process_id, int64_t count);
  // `family_key` is as in AccountingStore::Add().
  void AddAccounting(int64_t process_id, const AccountingTableBuilder& figures,
                     uint64_t family_key = 0) {
    accounting_.Add(process_id, figures, family_key);
  }

  // Adds up to kPagesPerChunk page words, the first of which belongs to page `first_page` of the
  // mapping. Leading and trailing absent pages are not stored, a chunk without populated pages not
  // at all, and a content that was stored before is referred to.
  void AddPages(int64_t mapping_id, uint64_t first_page, std::span<const uint64_t> words,
                const ChunkPlace& place = {});

  // Adds the columns of the frames [first_pfn, first_pfn + kFramesPerChunk): those that the page
  // words added to this snapshot refer to, those behind folios, and no others. Equal facts are
  // stored once. With `series` the next snapshot's are coded against them.
  void AddFrames(uint64_t first_pfn, const FrameColumns& columns, bool series = false) {
    frames_.Add(snapshot_id_, first_pfn, columns, series);
  }
  // Adds the columns of all frames that are RAM in [first_pfn, first_pfn + kFramesPerChunk), which
  // are `ram_count`, and of `referenced_count` frames that the page words refer to, which may be
  // among them. Without the latter, AddFrames() may add these as another content.
  void AddRam(uint64_t first_pfn, const FrameColumns& columns, uint32_t ram_count,
              uint32_t referenced_count, bool series = false) {
    frames_.AddRam(snapshot_id_, first_pfn, columns, ram_count, referenced_count, series);
  }
  // Adds up what the pages of large contents amount to, once all pages and frames are there, and
  // no thread adds anything meanwhile. With `worker_count` threads.
  void AddUsages(size_t worker_count = 1);
  // Whether all processes of the snapshot were stopped while they were read.
  void SetFrozen(bool frozen);
  // How much of kpageflags, kpagecount and kpagecgroup was read in the end.
  void SetFrameSources(SourceState flags, SourceState map_count, SourceState cgroup);

  void AddCgroup(uint64_t inode, std::string_view path);
  void AddSwapDevice(int64_t position, std::string_view path, std::string_view kind,
                     uint64_t size_kib, uint64_t used_kib, int64_t priority);
  void AddMemoryZone(int64_t node, std::string_view name, uint64_t start_pfn,
                     uint64_t spanned_count, uint64_t present_count, uint64_t managed_count);
  void AddRamRange(uint64_t first_pfn, uint64_t frame_count);
  void AddFreeArea(int64_t node, std::string_view zone, int64_t block_order, uint64_t block_count);
  void AddSystemFact(std::string_view name, std::string_view value);
  // What the kernel has counted up to now. At most once for each snapshot.
  void AddCounters(Counters counters) { counters_.Add(snapshot_id_, std::move(counters)); }
  void AddGap(const Gap& gap);
  void AddCost(const Cost& cost);

  // Makes the snapshot part of the file.
  void Commit();

 private:
  void Insert(const RowWriter::Access& database, int64_t id, const ProcessFacts& facts);
  void SetFact(MachineFacts::Table table, MachineFacts::Row row);
  void AddFlagNames();

  RowWriter rows_;
  NameIds names_;
  MappingStore mappings_;
  AccountingStore accounting_;
  ContentStore contents_;
  FrameStore frames_;
  CounterStore counters_;
  std::set<int64_t> user_ids_;  // guarded by rows_
  std::atomic<int64_t> last_process_id_ = 0;
  std::optional<PageWordDecoder> decoder_;
  KernelRelease release_;
  uint64_t page_size_ = 0;
  MapCountKind map_counts_ = MapCountKind::kUnknown;
  int64_t snapshot_id_ = 0;

  // Guarded by the lock of the database:
  MachineFacts facts_;
  IdentityMap<int64_t> cmdlines_;  // the first process that has it

  std::mutex large_contents_mutex_;
  std::vector<int64_t> large_contents_;  // of this snapshot, once for each chunk
};

}  // namespace pagesnap

#endif  // LIB_STORE_WRITE_SNAPSHOT_WRITER_H_
