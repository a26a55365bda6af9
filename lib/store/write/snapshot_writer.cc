#include "lib/store/write/snapshot_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lib/codec/checksum.h"
#include "lib/kernel/frame_flags.h"
#include "lib/store/frames/content_usage.h"

namespace pagesnap {

const char* SourceStateName(SourceState state) {
  static constexpr const char* kNames[] = {"read", "partly", "hidden", "missing"};
  return kNames[static_cast<int>(state)];
}

namespace {

// SQLite's integers are signed; what the kernel gives as u64 keeps its bits.
int64_t Signed(uint64_t value) { return static_cast<int64_t>(value); }

}  // namespace

SnapshotWriter::SnapshotWriter(Database& database)
    : rows_(database),
      names_(rows_.pending()),
      mappings_(rows_),
      accounting_(rows_),
      contents_(rows_),
      frames_(rows_),
      counters_(rows_),
      facts_(database) {}

int64_t SnapshotWriter::BeginSnapshot(const SnapshotFacts& facts, bool verified) {
  rows_.Lock().database().Execute("BEGIN");
  ++snapshot_id_;
  names_.BeginSnapshot(mappings_.last_id());
  mappings_.BeginSnapshot(/*copies=*/!verified);
  contents_.BeginSnapshot();
  release_ = ParseKernelRelease(facts.kernel_release);
  page_size_ = facts.page_size;
  large_contents_.clear();
  map_counts_ = facts.map_counts;
  decoder_.emplace(release_, facts.swap_types, facts.pfn_visible);
  const char* const kind_name = MapCountKindName(facts.map_counts);
  const auto map_count_kind =
      kind_name != nullptr ? std::optional<std::string>(kind_name) : std::nullopt;
  rows_.Lock()->snapshot.Run(snapshot_id_, facts.wall_time_ns, facts.boot_time_ns, facts.host,
                             facts.kernel_release, facts.kernel_version, facts.machine,
                             facts.boot_id, Signed(facts.page_size), facts.tool_version,
                             facts.options, int64_t{facts.pfn_visible}, int64_t{facts.frozen},
                             map_count_kind);
  auto add_option = [&](std::string_view name, bool is_set) {
    AddSystemFact(fmt::format("config.{}", name), is_set ? "y" : "n");
  };
  for (const SwapTypeOption& option : kSwapTypeOptions) {
    if (facts.swap_types) add_option(option.name, (*facts.swap_types).*option.member);
  }
  for (const auto& [name, is_set] : facts.kernel_options) add_option(name, is_set);
  AddFlagNames();
  user_ids_.clear();
  return snapshot_id_;
}

void SnapshotWriter::SetFact(MachineFacts::Table table, MachineFacts::Row row) {
  const RowWriter::Access database = rows_.Lock();
  facts_.Set(table, std::move(row));
}

void SnapshotWriter::AddFlagNames() {
  auto add = [&](std::string_view word, int bit, std::string_view name) {
    SetFact(MachineFacts::kFlagName, {std::string(word), int64_t{bit}, std::string(name)});
  };
  for (const PageWordBit& bit : PageWordBits()) {
    if (release_ >= bit.since) add("page", bit.bit, bit.name);
  }
  for (const FrameFlag& flag : FrameFlags()) {
    if (release_ >= flag.since) add("frame", flag.bit, FrameFlagName(flag.bit, release_));
  }
}

int64_t SnapshotWriter::AddProcess(const ProcessFacts& facts) {
  const RowWriter::Access database = rows_.Lock();
  const int64_t id = ReserveProcessId();
  Insert(database, id, facts);
  return id;
}

void SnapshotWriter::AddProcess(int64_t id, const ProcessFacts& facts) {
  const RowWriter::Access database = rows_.Lock();
  Insert(database, id, facts);
}

void SnapshotWriter::Insert(const RowWriter::Access& database, int64_t id,
                            const ProcessFacts& facts) {
  int64_t cmdline_id = id;
  if (facts.cmdline) {
    cmdline_id = cmdlines_.Insert(IdentifyBytes(AsBytes(*facts.cmdline)), id).first;
  }
  if (facts.uid) user_ids_.insert(*facts.uid);
  const bool is_new = cmdline_id == id;
  database->process.Run(id, snapshot_id_, facts.pid, facts.ppid, Signed(facts.start_time_ticks),
                        facts.name, facts.exe, is_new ? facts.cmdline : std::nullopt, facts.uid,
                        facts.state, facts.thread_count, facts.cgroup, int64_t{facts.kernel_thread},
                        int64_t{0}, cmdline_id, facts.cmdline_length, int64_t{0},
                        std::optional<int64_t>(), std::optional<int64_t>(), int64_t{0},
                        facts.page_table_kib);
}

void SnapshotWriter::SetEnded(int64_t process_id) {
  const RowWriter::Access database = rows_.Lock();
  database->ended.Run(process_id);
}

void SnapshotWriter::SetMemoryOf(int64_t pid, int64_t memory_pid) {
  const RowWriter::Access database = rows_.Lock();
  database->memory_of.Run(snapshot_id_, pid, memory_pid);
}

void SnapshotWriter::SetStop(int64_t process_id, bool frozen, std::optional<int64_t> stopped_ns) {
  const RowWriter::Access database = rows_.Lock();
  database->stop.Run(process_id, int64_t{frozen}, stopped_ns);
}

int64_t SnapshotWriter::AddMapping(int64_t process_id, const MappingFacts& facts) {
  const MappingRow row = MakeMapping(process_id, facts);
  AddMapping(row);
  return row.id;
}

void SnapshotWriter::AddMapping(const MappingRow& row) { mappings_.Add(row); }

MappingRow SnapshotWriter::MakeMapping(int64_t process_id, const MappingFacts& facts) {
  MappingStore::Ids ids;
  MappingRow row = MakeMapping(process_id, facts, &ids);
  mappings_.ReturnIds(&ids);
  return row;
}

MappingRow SnapshotWriter::MakeMapping(int64_t process_id, const MappingFacts& facts,
                                       MappingStore::Ids* ids) {
  MappingRow row{.id = mappings_.TakeId(ids),
                 .process_id = process_id,
                 .first_page = Signed(facts.first_page),
                 .page_count = Signed(facts.page_count),
                 .offset = Signed(facts.offset),
                 .file_id = names_.FileId(facts),
                 .vm_flags_id = facts.vm_flags ? names_.VmFlagsId(*facts.vm_flags) : 0,
                 .perms = {}};
  std::ranges::copy_n(facts.perms.begin(), std::min(facts.perms.size(), row.perms.size()),
                      row.perms.begin());
  return row;
}

void SnapshotWriter::SetChangedCount(int64_t mapping_id, int64_t count) {
  const RowWriter::Access database = rows_.LockAllWritten();
  database->changed_count.Run(mapping_id, count);
}

void SnapshotWriter::SetMappingCount(int64_t process_id, int64_t count) {
  const RowWriter::Access database = rows_.Lock();
  database->mapping_count.Run(process_id, count);
}

void SnapshotWriter::AddPages(int64_t mapping_id, uint64_t first_page,
                              std::span<const uint64_t> words, const ChunkPlace& place) {
  size_t begin = 0;
  size_t end = words.size();
  while (begin < end && !PageWord(words[begin]).populated()) ++begin;
  while (end > begin && !PageWord(words[end - 1]).populated()) --end;
  if (begin == end) return;
  words = words.subspan(begin, end - begin);

  PageCounts counts;
  for (uint64_t word : words) counts.Add(decoder_->State(PageWord(word)));
  const int64_t present = Signed(counts.present);
  ChunkPlace trimmed = place;
  trimmed.into_chunk += static_cast<uint32_t>(begin);
  const int64_t content_id = contents_.Store(words, trimmed);
  if (present >= kMinPagesForUsage) {
    const std::lock_guard lock(large_contents_mutex_);
    large_contents_.push_back(content_id);
  }
  rows_.WriteIfMany(rows_.pending().Add(ChunkRow{.mapping_id = mapping_id,
                                                 .first_page = Signed(first_page + begin),
                                                 .content_id = content_id,
                                                 .present_count = present,
                                                 .swapped_count = Signed(counts.swapped),
                                                 .special_count = Signed(counts.special)}));
}

void SnapshotWriter::AddUsages(size_t worker_count) {
  const RowWriter::Access database = rows_.LockAllWritten();
  AddContentUsages(database.database(), snapshot_id_, release_, map_counts_, page_size_,
                   std::move(large_contents_), worker_count);
}

void SnapshotWriter::SetFrozen(bool frozen) {
  const RowWriter::Access database = rows_.Lock();
  database->frozen.Run(snapshot_id_, int64_t{frozen});
}

void SnapshotWriter::SetFrameSources(SourceState flags, SourceState map_count, SourceState cgroup) {
  const RowWriter::Access database = rows_.Lock();
  database->sources.Run(snapshot_id_, std::string_view(SourceStateName(flags)),
                        std::string_view(SourceStateName(map_count)),
                        std::string_view(SourceStateName(cgroup)));
}

void SnapshotWriter::AddCgroup(uint64_t inode, std::string_view path) {
  SetFact(MachineFacts::kCgroup, {Signed(inode), std::string(path)});
}

void SnapshotWriter::AddSwapDevice(int64_t position, std::string_view path, std::string_view kind,
                                   uint64_t size_kib, uint64_t used_kib, int64_t priority) {
  SetFact(MachineFacts::kSwapDevice, {position, std::string(path), std::string(kind),
                                      Signed(size_kib), Signed(used_kib), priority});
}

void SnapshotWriter::AddMemoryZone(int64_t node, std::string_view name, uint64_t start_pfn,
                                   uint64_t spanned_count, uint64_t present_count,
                                   uint64_t managed_count) {
  SetFact(MachineFacts::kMemoryZone,
          {node, std::string(name), Signed(start_pfn), Signed(spanned_count), Signed(present_count),
           Signed(managed_count)});
}

void SnapshotWriter::AddRamRange(uint64_t first_pfn, uint64_t frame_count) {
  SetFact(MachineFacts::kRamRange, {Signed(first_pfn), Signed(frame_count)});
}

void SnapshotWriter::AddFreeArea(int64_t node, std::string_view zone, int64_t block_order,
                                 uint64_t block_count) {
  SetFact(MachineFacts::kFreeArea, {node, std::string(zone), block_order, Signed(block_count)});
}

void SnapshotWriter::AddSystemFact(std::string_view name, std::string_view value) {
  SetFact(MachineFacts::kSystemFact, {std::string(name), std::string(value)});
}

void SnapshotWriter::AddGap(const Gap& gap) {
  const RowWriter::Access database = rows_.Lock();
  database->gap.Run(snapshot_id_, gap.process_id, gap.mapping_id, gap.source, gap.first, gap.count,
                    gap.reason);
}

void SnapshotWriter::AddCost(const Cost& cost) {
  const RowWriter::Access database = rows_.Lock();
  database->cost.Run(snapshot_id_, cost.source, cost.wall_ns, cost.call_count, cost.byte_count,
                     cost.longest_ns, cost.user_ns, cost.system_ns, cost.peak_rss_kib);
}

void SnapshotWriter::Commit() {
  names_.AddFiles();
  const RowWriter::Access database = rows_.LockAllWritten();
  facts_.Write(snapshot_id_);
  database.database().Execute("COMMIT");
}

}  // namespace pagesnap
