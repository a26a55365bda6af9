// Writes snapshots into a database, in the order in which a capture learns things.
#ifndef LIB_STORE_WRITE_SNAPSHOT_WRITER_H_
#define LIB_STORE_WRITE_SNAPSHOT_WRITER_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "lib/codec/accounting_table.h"
#include "lib/codec/checksum.h"
#include "lib/codec/frame_columns.h"
#include "lib/store/sqlite/facts.h"
#include "lib/store/sqlite/statement.h"
#include "lib/store/write/identity_map.h"
#include "lib/store/write/machine_facts.h"
#include "lib/store/write/pending_rows.h"

namespace pagesnap {

struct WriterStatements;

// Where the pages of a chunk are from, so that what was there before, or is there in another
// process, can serve as the base to code them against. Keys are hashes; 0 is for nothing to expect.
struct ChunkPlace {
  uint64_t process_key = 0;  // of the process, across snapshots, and the chunk in its addresses
  uint64_t file_key = 0;     // of the file, and the chunk in it
  uint32_t into_chunk = 0;  // page of the chunk, counted from its boundary, that the words begin at
};

// All functions throw Error when the database cannot be written. A snapshot is in the file after
// Commit(); what was not committed is rolled back or, in a file without a journal, worthless.
// Between BeginSnapshot() and Commit() the Add and Set functions may be called by several threads
// at once: hashing and encoding run in parallel, and one of them writes what all have added.
class SnapshotWriter {
 public:
  // `database` is borrowed and has the schema (CreateSchema).
  explicit SnapshotWriter(Database& database);
  ~SnapshotWriter();

  // Returns the database, to read what was added. Not while others add to it.
  [[nodiscard]] const Database& database();

  // Starts the next snapshot; everything added until Commit() belongs to it. Returns its id.
  int64_t BeginSnapshot(const SnapshotFacts& facts);

  // Adds a process and returns its id.
  int64_t AddProcess(const ProcessFacts& facts);
  // The same in two steps, for who needs the id before all facts are known. Rows are added in the
  // order of their ids.
  int64_t ReserveProcessId() { return ++last_process_id_; }
  void AddProcess(int64_t id, const ProcessFacts& facts);

  // Adds a mapping and returns its id. The mappings of a process are added by address.
  int64_t AddMapping(int64_t process_id, const MappingFacts& facts);
  // The same in two steps. MakeMapping() and VmFlagsId() only use memory: they neither write to the
  // database nor read it, so they may be called while processes are stopped. Rows are made by
  // address, and may be added in any order.
  MappingRow MakeMapping(int64_t process_id, const MappingFacts& facts);
  // Returns what MappingRow::vm_flags_id is for these flags.
  int64_t VmFlagsId(const std::string& names);
  void AddMapping(const MappingRow& row);

  // `frozen`: all that was read of the process was read while it was stopped. `stopped_ns`: how
  // long capture stopped it, in nanoseconds; empty: it did not. Without this call it was not
  // stopped.
  void SetStop(int64_t process_id, bool frozen, std::optional<int64_t> stopped_ns);
  void SetChangedCount(int64_t mapping_id, int64_t count);
  void SetMappingCount(int64_t process_id, int64_t count);
  void AddAccounting(int64_t process_id, const AccountingTableBuilder& figures);

  // Adds up to kPagesPerChunk page words, the first of which belongs to page `first_page` of the
  // mapping. Leading and trailing absent pages are not stored, a chunk without populated pages not
  // at all, and a content that was stored before is referred to.
  void AddPages(int64_t mapping_id, uint64_t first_page, std::span<const uint64_t> words,
                const ChunkPlace& place = {});

  // Adds the columns of the frames [first_pfn, first_pfn + kFramesPerChunk): those that the page
  // words added to this snapshot refer to, and no others. Equal facts are stored once. With
  // `series` the next snapshot's are coded against them.
  void AddFrames(uint64_t first_pfn, const FrameColumns& columns, bool series = false);
  // Adds up what the pages of large contents amount to, once all pages and frames are there, and
  // nobody adds anything meanwhile. On so many threads.
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
  void AddSystemFact(std::string_view name, std::string_view value);
  void AddGap(const Gap& gap);
  void AddCost(const Cost& cost);

  // Makes the snapshot part of the file.
  void Commit();

 private:
  // A content that was stored, as a candidate for a base.
  struct StoredContent {
    int64_t id = 0;
    uint32_t into_chunk = 0;
    int steps = 0;  // contents that have to be decoded before it
  };
  struct ContentKey {  // small: there is one for each content
    int64_t id : 56 = 0;
    int steps : 8 = 0;
  };
  std::unique_lock<std::mutex> LockAllWritten();
  void WritePending();
  void WriteIfWorthIt(size_t waiting_bytes, size_t worth_it);
  StoredContent Store(std::span<const uint64_t> words, const ChunkPlace& place);
  std::string EncodeFrames(uint64_t first_pfn, const FrameColumns& columns, std::string alone,
                           std::optional<ContentKey>* base);
  std::string EncodeAgainst(const StoredContent& base, std::span<const uint64_t> words,
                            const ChunkPlace& place);
  std::optional<StoredContent> FindBase(const ChunkPlace& place) const;
  StoredContent Remember(const ChunkPlace& place, const ContentKey& key);
  int64_t FileId(const MappingFacts& facts);  // 0: none
  void Insert(int64_t id, const ProcessFacts& facts);
  void AddFlagNames(KernelRelease release);

  Database& database_;
  PendingRows pending_;
  std::atomic<int64_t> last_process_id_ = 0;
  std::atomic<int64_t> last_mapping_id_ = 0;
  std::optional<PageWordDecoder> decoder_;
  KernelRelease release_;
  uint64_t page_size_ = 0;

  std::mutex mutex_;  // guards what follows, and the database
  std::unique_ptr<WriterStatements> statements_;
  PendingRows::Rows writing_;  // those that are being written
  MachineFacts facts_;
  int64_t snapshot_id_ = 0;
  IdentityMap<int64_t> cmdlines_;  // the first process that has it
  IdentityMap<ContentKey> frame_contents_;
  std::unordered_map<uint64_t, ContentKey> last_frames_;  // of a series, by first PFN

  std::mutex contents_mutex_;  // guards what follows; never taken while mutex_ is held
  IdentityMap<ContentKey> contents_;
  std::unordered_map<uint64_t, StoredContent> last_at_;  // by process_key and file_key
  std::vector<int64_t> large_contents_;                  // of this snapshot, once for each chunk

  std::mutex names_mutex_;  // guards what follows; never taken while mutex_ is held
  using Files = std::map<std::tuple<std::string, uint64_t, std::string>, int64_t>;
  Files files_;
  const Files::value_type* last_file_ = nullptr;  // the one that was asked for last
  std::unordered_map<std::string, int64_t> vm_flags_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_WRITE_SNAPSHOT_WRITER_H_
