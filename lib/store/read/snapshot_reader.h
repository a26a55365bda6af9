// Reads the snapshots of one file: the bulk data behind the virtual tables of lib/query.
#ifndef LIB_STORE_READ_SNAPSHOT_READER_H_
#define LIB_STORE_READ_SNAPSHOT_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/recent.h"
#include "lib/codec/accounting_table.h"
#include "lib/store/frames/content_usage.h"
#include "lib/store/frames/frame_table.h"
#include "lib/store/frames/ram_table.h"
#include "lib/store/read/damage_note.h"
#include "lib/store/read/mapping_reader.h"
#include "lib/store/read/process_list.h"
#include "lib/store/read/snapshot_info.h"
#include "lib/store/read/source.h"
#include "lib/store/sqlite/stored_blob.h"

namespace pagesnap {

// How many of everything there is, for the planner. At least 1 each.
struct ReaderSize {
  double snapshots = 1;
  double processes = 1;
  double mappings = 1;
  double pages = 1;  // populated
  double frames = 1;
  double ram = 1;  // frames of RAM, with --frames all
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
  void NoteDamage(std::string_view problem) { damage_.Add(problem); }
  // Returns it, "" when there was none.
  [[nodiscard]] std::string damage() const { return damage_.problem(); }

  // Returns what a snapshot knows of all RAM. Made anew each time.
  [[nodiscard]] RamTable Ram(int64_t snapshot_id) const;

  // Returns the frames of a snapshot. Those of the snapshots that were asked for last are kept.
  std::shared_ptr<FrameTable> Frames(int64_t snapshot_id);

 private:
  struct SourceReaders;
  struct UsagesOf {
    int64_t snapshot_id;
    std::shared_ptr<const ContentUsages> usages;
  };
  struct DecodedContent {
    int64_t content_id;
    std::vector<uint64_t> words;
  };

  // Returns those of the source that has this id. Throws Error when none has.
  [[nodiscard]] SourceReaders& ReadersOf(IdSpace space, int64_t id) const;

  std::vector<Source> sources_;
  std::vector<std::unique_ptr<SourceReaders>> readers_;  // of each source
  std::vector<SnapshotInfo> snapshots_;
  ProcessList processes_;
  Recent<FrameTable> frames_;
  Recent<UsagesOf> usages_;
  std::optional<ReaderSize> size_;
  StoredBlob stored_;  // its memory serves the next content
  Recent<DecodedContent> decoded_;
  int64_t accounting_process_id_ = 0;  // whose figures are in accounting_; 0: no one's
  std::optional<AccountingTable> accounting_;
  DamageNote damage_;
};

}  // namespace pagesnap

#endif  // LIB_STORE_READ_SNAPSHOT_READER_H_
