#include "lib/store/read/snapshot_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <unordered_set>

#include "lib/base/error.h"
#include "lib/base/work_limit.h"
#include "lib/codec/checksum.h"
#include "lib/codec/page_words.h"
#include "lib/store/sqlite/damage.h"

namespace pagesnap {
namespace {

bool HasWord(std::string_view words, std::string_view word) {
  for (size_t at = words.find(word); at != std::string_view::npos; at = words.find(word, at + 1)) {
    bool starts = at == 0 || words[at - 1] == ' ';
    bool ends = at + word.size() == words.size() || words[at + word.size()] == ' ';
    if (starts && ends) return true;
  }
  return false;
}

// The highest virtual page number of any machine, and some more: sums of two of them are safe.
constexpr uint64_t kMaxPage = uint64_t{1} << 55;

// Decoded contents that are kept: a few cursors at once, and queries that come back to a page.
constexpr size_t kKeptContents = 8;

// Snapshots of which frames and sums are kept: two that are compared, and those of two cursors
// beside them. A series has thousands.
constexpr size_t kKeptSnapshots = 4;

// Makes a cached statement ready for its next use, however this one ends.
class ResetAtEnd {
 public:
  explicit ResetAtEnd(Statement& statement) : statement_(statement) {}
  ResetAtEnd(const ResetAtEnd&) = delete;
  ResetAtEnd& operator=(const ResetAtEnd&) = delete;
  ~ResetAtEnd() { statement_.Reset(); }

 private:
  Statement& statement_;
};

// The build options of the kernel, where the file has any. Asks for just those that are needed: all
// of them are thousands, for each snapshot.
std::optional<SwapTypeConfig> LoadSwapTypes(const Database& database, int64_t facts_id,
                                            int64_t snapshot_id) {
  Statement any(database,
                "SELECT 1 FROM system_fact WHERE snapshot_id IN (?, ?) AND name >= 'config.CONFIG' "
                "AND name < 'config.CONFIH' LIMIT 1");
  any.Bind(1, facts_id);
  any.Bind(2, snapshot_id);
  if (!any.Step()) return std::nullopt;
  Statement statement(database,
                      "SELECT name, value FROM system_fact WHERE snapshot_id IN (?, ?) AND name IN "
                      "('config.CONFIG_DEVICE_PRIVATE', 'config.CONFIG_MEMORY_FAILURE', "
                      "'config.CONFIG_MIGRATION') ORDER BY snapshot_id");
  statement.Bind(1, facts_id);
  statement.Bind(2, snapshot_id);
  SwapTypeConfig config;
  while (statement.Step()) {
    bool set = statement.Text(1) == "y";
    if (statement.Text(0) == "config.CONFIG_DEVICE_PRIVATE") config.device_private = set;
    if (statement.Text(0) == "config.CONFIG_MEMORY_FAILURE") config.memory_failure = set;
    if (statement.Text(0) == "config.CONFIG_MIGRATION") config.migration = set;
  }
  return config;
}

// Returns the snapshot with this id, or null. They ascend.
const SnapshotInfo* FindSnapshot(const std::vector<SnapshotInfo>& snapshots, int64_t id) {
  auto found =
      std::lower_bound(snapshots.begin(), snapshots.end(), id,
                       [](const SnapshotInfo& info, int64_t key) { return info.id < key; });
  return found != snapshots.end() && found->id == id ? &*found : nullptr;
}

}  // namespace

struct SnapshotReader::Statements {
  explicit Statements(const Database& database)
      : owner(database, "SELECT process_id FROM mapping WHERE id = ?"),
        mappings(database,
                 "SELECT id, first_page, page_count, vm_flags_id FROM mapping "
                 "WHERE process_id = ? ORDER BY id"),
        mapping(database,
                "SELECT id, first_page, page_count, vm_flags_id FROM mapping "
                "WHERE process_id = ? AND id = ?"),
        mapping_count(database, "SELECT COUNT(*) FROM mapping WHERE process_id = ?"),
        chunks(database,
               "SELECT first_page, content_id, present_count, swapped_count, special_count "
               "FROM page_chunk WHERE mapping_id = ? ORDER BY first_page"),
        content_pages(database, "SELECT page_count FROM page_content WHERE id = ?"),
        content(database, kSelectContent),
        accounting(database,
                   "SELECT row_count, figures, checksum FROM kernel_accounting "
                   "WHERE process_id = ?") {
    Statement flags(database, "SELECT id, names FROM vm_flags");
    while (flags.Step()) {
      if (HasWord(flags.Text(1), "pf")) pfn_maps.insert(flags.Int(0));
    }
  }

  Statement owner, mappings, mapping, mapping_count, chunks, content_pages, content, accounting;
  std::unordered_set<int64_t> pfn_maps;  // the rows of vm_flags with VM_PFNMAP
};

SnapshotReader::SnapshotReader(const Database& database) : SnapshotReader(std::vector{&database}) {}

SnapshotReader::SnapshotReader(const std::vector<const Database*>& databases)
    : sources_(MakeSources(databases)), frames_(kKeptSnapshots), usages_(kKeptSnapshots) {
  for (const Source& source : sources_) {
    statements_.push_back(std::make_unique<Statements>(*source.database));
    LoadSnapshots(source);
    LoadProcesses(source);
  }
  zones_.clear();
}

SnapshotReader::~SnapshotReader() = default;

SnapshotReader::Statements& SnapshotReader::StatementsOf(const Source& source) const {
  return *statements_[static_cast<size_t>(&source - sources_.data())];
}

const Source& SnapshotReader::SourceOf(IdSpace space, int64_t id) const {
  for (const Source& source : sources_) {
    if (source.Local(space, id)) return source;
  }
  ThrowDamaged(database(), fmt::format("something refers to id {}, which is not there", id));
}

void SnapshotReader::LoadSnapshots(const Source& source) {
  const Database& database = *source.database;
  Statement statement(database,
                      "SELECT id, page_size, kernel_release, pfn_visible, flags_state, "
                      "map_count_state, cgroup_state, facts_snapshot_id FROM snapshot ORDER BY id");
  while (statement.Step()) {
    int64_t local = statement.Int(0);
    int64_t id = source.Global(IdSpace::kSnapshot, local);
    auto page_size = static_cast<uint64_t>(statement.Int(1));
    if (!std::has_single_bit(page_size) || page_size < 1024 || page_size > (1 << 24)) {
      ThrowDamaged(database,
                   fmt::format("snapshot {} has a page size of {} bytes", local, page_size));
    }
    if (!snapshots_.empty() && id <= snapshots_.back().id) {
      ThrowDamaged(database, fmt::format("snapshot {} is there twice", local));
    }
    auto was_read = [&](int column) {
      return statement.Text(column) == "read" || statement.Text(column) == "partly";
    };
    KernelRelease release = ParseKernelRelease(statement.Text(2));
    bool pfn_visible = statement.Int(3) != 0;
    int64_t facts_id = statement.Int(7);
    if (facts_id < 1 || facts_id > local) {
      ThrowDamaged(database, fmt::format("snapshot {} has facts of snapshot {}", local, facts_id));
    }
    snapshots_.push_back(
        {id, page_size, release,
         PageWordDecoder(release, LoadSwapTypes(database, facts_id, local), pfn_visible),
         pfn_visible, was_read(4), was_read(5), was_read(6), LoadZones(source, facts_id, local)});
  }
}

// A snapshot without zones of its own has those of its facts.
std::shared_ptr<const ZoneTable> SnapshotReader::LoadZones(const Source& source, int64_t facts_id,
                                                           int64_t local_id) {
  Statement own(*source.database, "SELECT 1 FROM memory_zone WHERE snapshot_id = ? LIMIT 1");
  own.Bind(1, local_id);
  const int64_t key = own.Step() ? local_id : facts_id;
  std::shared_ptr<const ZoneTable>& zones = zones_[source.Global(IdSpace::kSnapshot, key)];
  if (zones == nullptr) {
    zones = std::make_shared<ZoneTable>(*source.database, facts_id, local_id);
  }
  return zones;
}

void SnapshotReader::LoadProcesses(const Source& source) {
  Statement statement(*source.database, "SELECT id, snapshot_id, pid FROM process ORDER BY id");
  while (statement.Step()) {
    ProcessKey key{source.Global(IdSpace::kProcess, statement.Int(0)),
                   source.Global(IdSpace::kSnapshot, statement.Int(1)), statement.Int(2)};
    if (FindSnapshot(snapshots_, key.snapshot_id) == nullptr ||
        (!processes_.empty() && key.id <= processes_.back().id)) {
      ThrowDamaged(
          *source.database,
          fmt::format("process {} belongs to no snapshot, or is there twice", statement.Int(0)));
    }
    processes_.push_back(key);
    processes_of_[key.snapshot_id].push_back(key.id);
  }
}

const SnapshotInfo& SnapshotReader::snapshot(int64_t id) const {
  const SnapshotInfo* info = FindSnapshot(snapshots_, id);
  if (info != nullptr) return *info;
  ThrowDamaged(database(), fmt::format("something refers to snapshot {}, which is not there", id));
}

const ReaderSize& SnapshotReader::size() {
  if (size_) return *size_;
  ReaderSize size;
  for (const Source& source : sources_) {
    Statement statement(*source.database,
                        "SELECT (SELECT COUNT(*) FROM mapping), (SELECT TOTAL(present_count) + "
                        "TOTAL(swapped_count) + TOTAL(special_count) FROM page_chunk), "
                        "(SELECT TOTAL(frame_count) FROM frame_chunk)");
    statement.Step();
    size.mappings += static_cast<double>(statement.Int(0));
    size.pages += statement.Real(1);
    size.frames += statement.Real(2);
  }
  // Sums of what nobody has checked yet: they may even be no number.
  constexpr double kMost = 1e15;
  for (double* count : {&size.mappings, &size.pages, &size.frames}) {
    *count = *count >= 1 ? std::min(*count, kMost) : 1;
  }
  size.snapshots = std::max(1.0, static_cast<double>(snapshots_.size()));
  size.processes = std::max(1.0, static_cast<double>(processes_.size()));
  return size_.emplace(size);
}

std::vector<int64_t> SnapshotReader::Processes(const PageFilter& filter) const {
  std::optional<int64_t> owner;
  if (filter.mapping_id) {
    owner = -1;
    for (const Source& source : sources_) {
      std::optional<int64_t> local = source.Local(IdSpace::kMapping, *filter.mapping_id);
      if (!local) continue;
      Statement& statement = StatementsOf(source).owner;
      ResetAtEnd reset(statement);
      statement.Bind(1, *local);
      if (statement.Step()) owner = source.Global(IdSpace::kProcess, statement.Int(0));
    }
  }
  // A join asks for each process by itself: it must not go through all of them each time.
  if (const std::optional<int64_t> id = owner ? owner : filter.process_id) {
    const ProcessKey* process = FindProcess(*id);
    const bool admitted = process != nullptr &&
                          process->id == filter.process_id.value_or(process->id) &&
                          process->snapshot_id == filter.snapshot_id.value_or(process->snapshot_id);
    return admitted ? std::vector{*id} : std::vector<int64_t>{};
  }
  if (filter.snapshot_id) {
    const auto found = processes_of_.find(*filter.snapshot_id);
    return found != processes_of_.end() ? found->second : std::vector<int64_t>{};
  }
  std::vector<int64_t> ids;
  for (const ProcessKey& process : processes_) ids.push_back(process.id);
  return ids;
}

const SnapshotReader::ProcessKey* SnapshotReader::FindProcess(int64_t process_id) const {
  auto found = std::lower_bound(processes_.begin(), processes_.end(), process_id,
                                [](const ProcessKey& key, int64_t id) { return key.id < id; });
  return found != processes_.end() && found->id == process_id ? &*found : nullptr;
}

int64_t SnapshotReader::Pid(int64_t process_id) const {
  const ProcessKey* process = FindProcess(process_id);
  return process != nullptr ? process->pid : -1;
}

MappingInfo SnapshotReader::MappingFrom(const Source& source, const Statement& row,
                                        const ProcessKey& process) const {
  MappingInfo mapping{source.Global(IdSpace::kMapping, row.Int(0)),
                      process.id,
                      process.snapshot_id,
                      static_cast<uint64_t>(row.Int(1)),
                      static_cast<uint64_t>(row.Int(2)),
                      StatementsOf(source).pfn_maps.contains(row.Int(3))};
  if (mapping.page_count == 0 || mapping.page_count > kMaxPage || mapping.first_page > kMaxPage) {
    ThrowDamaged(*source.database, fmt::format("mapping {} has an impossible size", row.Int(0)));
  }
  return mapping;
}

std::vector<MappingInfo> SnapshotReader::Mappings(int64_t process_id,
                                                  const PageFilter& filter) const {
  const ProcessKey* process = FindProcess(process_id);
  if (process == nullptr) return {};
  const Source& source = SourceOf(IdSpace::kProcess, process_id);
  Statements& statements = StatementsOf(source);
  Statement& statement = filter.mapping_id ? statements.mapping : statements.mappings;
  ResetAtEnd reset(statement);
  statement.Bind(1, *source.Local(IdSpace::kProcess, process_id));
  if (filter.mapping_id) {
    // An id of another source finds nothing.
    statement.Bind(2, source.Local(IdSpace::kMapping, *filter.mapping_id).value_or(0));
  }
  std::vector<MappingInfo> mappings;
  int64_t last_id = 0;
  // Addresses have 64 bits.
  const uint64_t end_page = UINT64_MAX / snapshot(process->snapshot_id).page_size + 1;
  while (statement.Step()) {
    CheckWork();
    MappingInfo mapping = MappingFrom(source, statement, *process);
    if (mapping.page_count > end_page || mapping.first_page > end_page - mapping.page_count) {
      ThrowDamaged(*source.database,
                   fmt::format("mapping {} has an impossible size", statement.Int(0)));
    }
    if (mapping.id <= last_id) {
      ThrowDamaged(*source.database, fmt::format("mapping {} is there twice", statement.Int(0)));
    }
    last_id = mapping.id;
    if (mapping.first_page > filter.last_page) continue;
    if (mapping.first_page + mapping.page_count - 1 < filter.first_page) continue;
    mappings.push_back(mapping);
  }
  return mappings;
}

std::vector<ChunkInfo> SnapshotReader::Chunks(const MappingInfo& mapping) {
  const Source& source = SourceOf(IdSpace::kMapping, mapping.id);
  int64_t local_id = *source.Local(IdSpace::kMapping, mapping.id);
  Statement& statement = StatementsOf(source).chunks;
  ResetAtEnd reset(statement);
  statement.Bind(1, local_id);
  std::vector<ChunkInfo> chunks;
  uint64_t end = 0;  // the least that the chunk before reaches to
  while (statement.Step()) {
    CheckWork();
    ChunkInfo chunk{static_cast<uint64_t>(statement.Int(0)),
                    source.Global(IdSpace::kContent, statement.Int(1)), statement.Int(2),
                    statement.Int(3), statement.Int(4)};
    auto fits = [](int64_t count) { return count >= 0 && count <= kPagesPerChunk; };
    if (chunk.first_page >= mapping.page_count) {
      ThrowDamaged(*source.database, fmt::format("mapping {} has pages behind its end", local_id));
    }
    if (!fits(chunk.present_count) || !fits(chunk.swapped_count) || !fits(chunk.special_count) ||
        !fits(chunk.populated_count()) || chunk.first_page < end ||
        static_cast<uint64_t>(chunk.populated_count()) > mapping.page_count - chunk.first_page ||
        chunk.content_id == kNoId) {
      ThrowDamaged(*source.database,
                   fmt::format("the page_chunk of mapping {} at page {} is impossible", local_id,
                               statement.Int(0)));
    }
    end = chunk.first_page + std::max<uint64_t>(chunk.populated_count(), 1);
    chunks.push_back(chunk);
  }
  return chunks;
}

void SnapshotReader::Fetch(int64_t content_id, StoredBlob* content) {
  CheckWork();
  const Source& source = SourceOf(IdSpace::kContent, content_id);
  FetchContent(StatementsOf(source).content, *source.database,
               *source.Local(IdSpace::kContent, content_id), content);
}

uint32_t SnapshotReader::ContentPages(int64_t content_id) const {
  const Source& source = SourceOf(IdSpace::kContent, content_id);
  Statement& statement = StatementsOf(source).content_pages;
  ResetAtEnd reset(statement);
  statement.Bind(1, *source.Local(IdSpace::kContent, content_id));
  int64_t count = statement.Step() ? statement.Int(0) : 0;
  if (count < 1 || count > kPagesPerChunk) {
    ThrowDamaged(*source.database,
                 fmt::format("page_content {} is not there, or has {} pages", content_id, count));
  }
  return static_cast<uint32_t>(count);
}

std::shared_ptr<const std::vector<uint64_t>> SnapshotReader::SharedWords(int64_t content_id) {
  auto found =
      std::find_if(recent_words_.begin(), recent_words_.end(),
                   [&](const CachedWords& entry) { return entry.content_id == content_id; });
  if (found != recent_words_.end()) {
    recent_words_.splice(recent_words_.begin(), recent_words_, found);
    return found->words;
  }
  Fetch(content_id, &content_);
  auto words = std::make_shared<std::vector<uint64_t>>();
  DecodeContent(content_, words.get());
  recent_words_.push_front({content_id, std::move(words)});
  if (recent_words_.size() > kKeptContents) recent_words_.pop_back();
  return recent_words_.front().words;
}

const AccountingTable* SnapshotReader::Accounting(int64_t process_id) {
  if (process_id == accounting_process_id_) return accounting_ ? &*accounting_ : nullptr;
  accounting_.reset();
  accounting_process_id_ = 0;
  const Source& source = SourceOf(IdSpace::kProcess, process_id);
  Statements& statements = StatementsOf(source);
  int64_t local_id = *source.Local(IdSpace::kProcess, process_id);
  ResetAtEnd reset(statements.accounting);
  statements.accounting.Bind(1, local_id);
  if (statements.accounting.Step()) {
    ByteSpan blob = statements.accounting.Blob(1);
    // The rows belong to mappings, so their number bounds what the blob may decompress to.
    ResetAtEnd reset_count(statements.mapping_count);
    statements.mapping_count.Bind(1, local_id);
    statements.mapping_count.Step();
    int64_t row_count = statements.accounting.Int(0);
    if (BlobChecksum(blob) != statements.accounting.Int(2) || row_count < 0 ||
        row_count > statements.mapping_count.Int(0)) {
      ThrowDamaged(*source.database,
                   fmt::format("kernel_accounting of process {} does not match its checksum or "
                               "its process",
                               local_id));
    }
    try {
      accounting_.emplace(blob, static_cast<uint64_t>(row_count));
    } catch (const Error& error) {
      ThrowDamaged(*source.database,
                   fmt::format("kernel_accounting of process {}: {}", local_id, error.what()));
    }
  }
  accounting_process_id_ = process_id;
  return accounting_ ? &*accounting_ : nullptr;
}

}  // namespace pagesnap
