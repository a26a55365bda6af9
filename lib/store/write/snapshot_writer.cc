#include "lib/store/write/snapshot_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lib/codec/page_words.h"
#include "lib/codec/similar_words.h"
#include "lib/kernel/frame_flags.h"
#include "lib/store/frames/content_usage.h"
#include "lib/store/sqlite/stored_blob.h"
#include "lib/store/write/writer_statements.h"

namespace pagesnap {

const char* SourceStateName(SourceState state) {
  static constexpr const char* kNames[] = {"read", "partly", "hidden", "missing"};
  return kNames[static_cast<int>(state)];
}

namespace {

// A small content is smaller than what a base would save.
constexpr size_t kPagesWorthABase = 32;
// Bytes; the facts of a chunk without much variety are smaller than what a base would save.
constexpr size_t kFactsWorthABase = 64;
// Up to one miss in four words, the misses and their mask take less than the words alone.
constexpr size_t kMostMissShare = 4;

// Rows are written by hundreds, by whichever thread has just added one, while the others go on. Who
// adds mappings does so later: others wait for these, to read their pages.
constexpr size_t kBytesWorthWriting = size_t{32} << 10;
constexpr size_t kBytesWorthALateList = size_t{512} << 10;
// When so much waits, reading is faster than writing, and whoever adds has to wait.
constexpr size_t kMostBytesWaiting = size_t{1} << 20;

// SQLite's integers are signed; what the kernel gives as u64 keeps its bits.
int64_t Signed(uint64_t value) { return static_cast<int64_t>(value); }

}  // namespace

SnapshotWriter::SnapshotWriter(Database& database) : database_(database), facts_(database) {
  AddPendingTables(database, writing_);
  statements_ = std::make_unique<WriterStatements>(database);
}

SnapshotWriter::~SnapshotWriter() = default;

// What was added before is in the database when this returns.
std::unique_lock<std::mutex> SnapshotWriter::LockAllWritten() {
  std::unique_lock lock(mutex_);
  WritePending();
  return lock;
}

const Database& SnapshotWriter::database() {
  LockAllWritten();
  return database_;
}

void SnapshotWriter::WriteIfWorthIt(size_t waiting_bytes, size_t worth_it) {
  if (waiting_bytes < worth_it) return;
  std::unique_lock lock(mutex_, std::defer_lock);
  if (waiting_bytes >= kMostBytesWaiting) {
    lock.lock();
  } else if (!lock.try_lock()) {
    return;
  }
  WritePending();
}

// Needs mutex_.
void SnapshotWriter::WritePending() {
  if (pending_.empty()) return;
  pending_.Take(&writing_);
  if (!writing_.files.empty()) statements_->files.Run();
  if (!writing_.vm_flags.empty()) statements_->vm_flags.Run();
  if (!writing_.mappings.empty()) statements_->mappings.Run();
  if (!writing_.contents.empty()) statements_->contents.Run();
  if (!writing_.chunks.empty()) statements_->chunks.Run();
  writing_.files.clear();
  writing_.vm_flags.clear();
  writing_.mappings.clear();
  writing_.contents.clear();
  writing_.chunks.clear();
}

int64_t SnapshotWriter::BeginSnapshot(const SnapshotFacts& facts) {
  database_.Execute("BEGIN");
  ++snapshot_id_;
  release_ = ParseKernelRelease(facts.kernel_release);
  page_size_ = facts.page_size;
  large_contents_.clear();
  decoder_.emplace(release_, facts.swap_types, facts.pfn_visible);
  statements_->snapshot.Run(snapshot_id_, facts.wall_time_ns, facts.boot_time_ns, facts.host,
                            facts.kernel_release, facts.kernel_version, facts.machine,
                            facts.boot_id, Signed(facts.page_size), facts.tool_version,
                            facts.options, int64_t{facts.pfn_visible}, int64_t{facts.frozen});
  if (facts.swap_types) {
    AddSystemFact("config.CONFIG_DEVICE_PRIVATE", facts.swap_types->device_private ? "y" : "n");
    AddSystemFact("config.CONFIG_MEMORY_FAILURE", facts.swap_types->memory_failure ? "y" : "n");
    AddSystemFact("config.CONFIG_MIGRATION", facts.swap_types->migration ? "y" : "n");
  }
  AddFlagNames(release_);
  return snapshot_id_;
}

void SnapshotWriter::AddFlagNames(KernelRelease release) {
  auto add = [&](std::string_view word, int bit, std::string_view name) {
    facts_.Set(MachineFacts::kFlagName, {std::string(word), int64_t{bit}, std::string(name)});
  };
  for (const PageWordBit& bit : PageWordBits()) {
    if (release >= bit.since) add("page", bit.bit, bit.name);
  }
  for (const FrameFlag& flag : FrameFlags()) {
    if (release >= flag.since) add("frame", flag.bit, FrameFlagName(flag.bit, release));
  }
}

int64_t SnapshotWriter::AddProcess(const ProcessFacts& facts) {
  const std::lock_guard lock(mutex_);
  const int64_t id = ReserveProcessId();
  Insert(id, facts);
  return id;
}

void SnapshotWriter::AddProcess(int64_t id, const ProcessFacts& facts) {
  const std::lock_guard lock(mutex_);
  Insert(id, facts);
}

// Needs mutex_.
void SnapshotWriter::Insert(int64_t id, const ProcessFacts& facts) {
  int64_t cmdline_id = id;
  if (facts.cmdline) {
    cmdline_id = cmdlines_.Insert(IdentifyBytes(AsBytes(*facts.cmdline)), id).first;
  }
  const bool is_new = cmdline_id == id;
  statements_->process.Run(id, snapshot_id_, facts.pid, facts.ppid, Signed(facts.start_time_ticks),
                           facts.name, facts.exe, is_new ? facts.cmdline : std::nullopt, facts.uid,
                           facts.state, facts.thread_count, facts.cgroup,
                           int64_t{facts.kernel_thread}, int64_t{0}, cmdline_id,
                           facts.cmdline_length, int64_t{0}, std::optional<int64_t>());
}

void SnapshotWriter::SetStop(int64_t process_id, bool frozen, std::optional<int64_t> stopped_ns) {
  const std::lock_guard lock(mutex_);
  statements_->stop.Run(process_id, int64_t{frozen}, stopped_ns);
}

int64_t SnapshotWriter::AddMapping(int64_t process_id, const MappingFacts& facts) {
  const MappingRow row = MakeMapping(process_id, facts);
  AddMapping(row);
  return row.id;
}

void SnapshotWriter::AddMapping(const MappingRow& row) {
  WriteIfWorthIt(pending_.Add(row), kBytesWorthALateList);
}

MappingRow SnapshotWriter::MakeMapping(int64_t process_id, const MappingFacts& facts) {
  MappingRow row{.id = ++last_mapping_id_,
                 .process_id = process_id,
                 .first_page = Signed(facts.first_page),
                 .page_count = Signed(facts.page_count),
                 .offset = Signed(facts.offset),
                 .file_id = FileId(facts),
                 .vm_flags_id = facts.vm_flags ? VmFlagsId(*facts.vm_flags) : 0,
                 .perms = {}};
  std::ranges::copy_n(facts.perms.begin(), std::min(facts.perms.size(), row.perms.size()),
                      row.perms.begin());
  return row;
}

void SnapshotWriter::SetChangedCount(int64_t mapping_id, int64_t count) {
  std::unique_lock<std::mutex> lock = LockAllWritten();
  statements_->changed_count.Run(mapping_id, count);
}

void SnapshotWriter::SetMappingCount(int64_t process_id, int64_t count) {
  const std::lock_guard lock(mutex_);
  statements_->mapping_count.Run(process_id, count);
}

int64_t SnapshotWriter::FileId(const MappingFacts& facts) {
  if (facts.path.empty() && facts.inode == 0) return 0;
  const std::lock_guard names_lock(names_mutex_);
  // The parts of a file are mapped one behind the other.
  if (last_file_ != nullptr) {
    const auto& [device, inode, path] = last_file_->first;
    if (inode == facts.inode && path == facts.path && device == facts.device) {
      return last_file_->second;
    }
  }
  auto [place, is_new] =
      files_.try_emplace({facts.device, facts.inode, facts.path}, Signed(files_.size() + 1));
  last_file_ = &*place;
  if (is_new) {
    pending_.Add(FileRow{.id = place->second,
                         .device = facts.device,
                         .inode = Signed(facts.inode),
                         .path = facts.path});
  }
  return place->second;
}

int64_t SnapshotWriter::VmFlagsId(const std::string& names) {
  const std::lock_guard names_lock(names_mutex_);
  auto [place, is_new] = vm_flags_.try_emplace(names, Signed(vm_flags_.size() + 1));
  if (is_new) pending_.Add(VmFlagsRow{.id = place->second, .names = names});
  return place->second;
}

void SnapshotWriter::AddAccounting(int64_t process_id, const AccountingTableBuilder& figures) {
  std::string blob = figures.Encode();
  const std::lock_guard lock(mutex_);
  statements_->accounting.Run(process_id, Signed(figures.row_count()), AsBytes(blob),
                              BlobChecksum(AsBytes(blob)));
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
  const StoredContent content = Store(words, trimmed);
  if (present >= kPagesWorthUsage) {
    const std::lock_guard contents_lock(contents_mutex_);
    large_contents_.push_back(content.id);
  }
  WriteIfWorthIt(pending_.Add(ChunkRow{.mapping_id = mapping_id,
                                       .first_page = Signed(first_page + begin),
                                       .content_id = content.id,
                                       .present_count = present,
                                       .swapped_count = Signed(counts.swapped),
                                       .special_count = Signed(counts.special)}),
                 kBytesWorthWriting);
}

SnapshotWriter::StoredContent SnapshotWriter::Store(std::span<const uint64_t> words,
                                                    const ChunkPlace& place) {
  const ContentIdentity identity = IdentifyWords(words);
  std::unique_lock contents_lock(contents_mutex_);
  if (const ContentKey* known = contents_.Find(identity)) return Remember(place, *known);
  std::optional<StoredContent> base =
      words.size() >= kPagesWorthABase ? FindBase(place) : std::nullopt;
  contents_lock.unlock();

  std::string blob;
  if (base) blob = EncodeAgainst(*base, words, place);
  if (blob.empty()) {
    base.reset();
    blob = EncodePageWords(words);
  }
  const int64_t base_id = base ? base->id : 0;
  const int64_t checksum = BlobChecksum(AsBytes(blob));

  contents_lock.lock();
  // Another thread may have stored the same content meanwhile.
  const auto [key, is_new] =
      contents_.Insert(identity, {Signed(contents_.size() + 1), base ? base->steps + 1 : 0});
  size_t waiting = 0;
  if (is_new) {
    // It waits before others learn of it: whoever reads it as a base has waited for that.
    waiting = pending_.Add(ContentRow{.id = key.id,
                                      .page_count = Signed(words.size()),
                                      .base_id = base_id,
                                      .words = std::move(blob),
                                      .checksum = checksum});
  }
  const StoredContent content = Remember(place, key);
  contents_lock.unlock();
  WriteIfWorthIt(waiting, kBytesWorthWriting);
  return content;
}

// Returns the blob of the words against a base, or nothing where they differ too much.
std::string SnapshotWriter::EncodeAgainst(const StoredContent& base,
                                          std::span<const uint64_t> words,
                                          const ChunkPlace& place) {
  StoredBlob stored;
  {
    std::unique_lock<std::mutex> lock = LockAllWritten();
    FetchContent(statements_->select_content, database_, base.id, &stored);
  }
  std::vector<uint64_t> base_words;
  DecodeContent(stored, &base_words);
  const int64_t shift = int64_t{place.into_chunk} - base.into_chunk;
  if (CountMisses(words, base_words, shift) > words.size() / kMostMissShare) return {};
  return EncodeSimilarWords(words, base_words, shift);
}

// What the same process had there is nearer than what another maps of the same file.
std::optional<SnapshotWriter::StoredContent> SnapshotWriter::FindBase(
    const ChunkPlace& place) const {
  for (uint64_t key : {place.process_key, place.file_key}) {
    if (key == 0) continue;
    auto found = last_at_.find(key);
    if (found != last_at_.end() && found->second.steps < kMostBaseSteps) return found->second;
  }
  return std::nullopt;
}

// Notes the content as what is at the place now, and returns it. Needs contents_mutex_.
SnapshotWriter::StoredContent SnapshotWriter::Remember(const ChunkPlace& place,
                                                       const ContentKey& key) {
  const StoredContent content{key.id, place.into_chunk, key.steps};
  if (place.process_key != 0) last_at_[place.process_key] = content;
  // All processes are compared with the first, so that their contents need one step.
  if (place.file_key != 0) last_at_.try_emplace(place.file_key, content);
  return content;
}

void SnapshotWriter::AddFrames(uint64_t first_pfn, const FrameColumns& columns, bool series) {
  std::string blob = EncodeFrameColumns(columns);
  const ContentIdentity identity = IdentifyBytes(AsBytes(blob));
  std::unique_lock lock(mutex_);
  std::optional<ContentKey> key;
  if (const ContentKey* known = frame_contents_.Find(identity)) {
    key = *known;
  } else {
    lock.unlock();
    std::optional<ContentKey> base;
    if (series) blob = EncodeFrames(first_pfn, columns, std::move(blob), &base);
    const int64_t base_id = base ? base->id : 0;
    lock.lock();
    // Another thread may have stored the same facts meanwhile.
    const auto [stored, is_new] = frame_contents_.Insert(
        identity, {Signed(frame_contents_.size() + 1), base ? base->steps + 1 : 0});
    if (is_new) {
      statements_->frame_content.Run(stored.id, base_id, AsBytes(blob),
                                     BlobChecksum(AsBytes(blob)));
    }
    key = stored;
  }
  statements_->frames.Run(snapshot_id_, Signed(first_pfn), Signed(columns.flags.size()), key->id);
  if (series) last_frames_[first_pfn] = *key;
}

// Returns the blob against what the last snapshot has there, and sets `base`, where that is smaller
// than `alone`, the blob that stands alone; else returns this.
std::string SnapshotWriter::EncodeFrames(uint64_t first_pfn, const FrameColumns& columns,
                                         std::string alone, std::optional<ContentKey>* base) {
  if (alone.size() < kFactsWorthABase) return alone;
  StoredBlob stored;
  {
    const std::lock_guard lock(mutex_);
    auto last = last_frames_.find(first_pfn);
    if (last == last_frames_.end() || last->second.steps == kMostBaseSteps) return alone;
    *base = last->second;
    FetchFrameContent(statements_->select_frames, database_, last->second.id, &stored);
  }
  const FrameRuns base_runs = DecodeFrameContent(stored);
  std::string blob = EncodeFrameColumns(columns, &base_runs);
  if (blob.size() < alone.size()) return blob;
  base->reset();
  return alone;
}

void SnapshotWriter::AddUsages(size_t worker_count) {
  std::unique_lock<std::mutex> lock = LockAllWritten();
  AddContentUsages(database_, snapshot_id_, release_, page_size_, std::move(large_contents_),
                   worker_count);
}

void SnapshotWriter::SetFrozen(bool frozen) {
  const std::lock_guard lock(mutex_);
  statements_->frozen.Run(snapshot_id_, int64_t{frozen});
}

void SnapshotWriter::SetFrameSources(SourceState flags, SourceState map_count, SourceState cgroup) {
  const std::lock_guard lock(mutex_);
  statements_->sources.Run(snapshot_id_, std::string_view(SourceStateName(flags)),
                           std::string_view(SourceStateName(map_count)),
                           std::string_view(SourceStateName(cgroup)));
}

void SnapshotWriter::AddCgroup(uint64_t inode, std::string_view path) {
  const std::lock_guard lock(mutex_);
  facts_.Set(MachineFacts::kCgroup, {Signed(inode), std::string(path)});
}

void SnapshotWriter::AddSwapDevice(int64_t position, std::string_view path, std::string_view kind,
                                   uint64_t size_kib, uint64_t used_kib, int64_t priority) {
  const std::lock_guard lock(mutex_);
  facts_.Set(MachineFacts::kSwapDevice, {position, std::string(path), std::string(kind),
                                         Signed(size_kib), Signed(used_kib), priority});
}

void SnapshotWriter::AddMemoryZone(int64_t node, std::string_view name, uint64_t start_pfn,
                                   uint64_t spanned_count, uint64_t present_count,
                                   uint64_t managed_count) {
  const std::lock_guard lock(mutex_);
  facts_.Set(MachineFacts::kMemoryZone,
             {node, std::string(name), Signed(start_pfn), Signed(spanned_count),
              Signed(present_count), Signed(managed_count)});
}

void SnapshotWriter::AddSystemFact(std::string_view name, std::string_view value) {
  const std::lock_guard lock(mutex_);
  facts_.Set(MachineFacts::kSystemFact, {std::string(name), std::string(value)});
}

void SnapshotWriter::AddGap(const Gap& gap) {
  const std::lock_guard lock(mutex_);
  statements_->gap.Run(snapshot_id_, gap.process_id, gap.mapping_id, gap.source, gap.first,
                       gap.count, gap.reason);
}

void SnapshotWriter::AddCost(const Cost& cost) {
  const std::lock_guard lock(mutex_);
  statements_->cost.Run(snapshot_id_, cost.source, cost.wall_ns, cost.call_count, cost.byte_count,
                        cost.longest_ns, cost.user_ns, cost.system_ns, cost.peak_rss_kib);
}

void SnapshotWriter::Commit() {
  std::unique_lock<std::mutex> lock = LockAllWritten();
  facts_.Write(snapshot_id_);
  database_.Execute("COMMIT");
}

}  // namespace pagesnap
