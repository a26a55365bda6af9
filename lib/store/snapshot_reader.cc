#include "lib/store/snapshot_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "lib/base/error.h"
#include "lib/codec/checksum.h"
#include "lib/codec/page_words.h"

namespace pagesnap {
namespace {

[[noreturn]] void ThrowDamaged(const Database& database, const std::string& what) {
  throw Error(fmt::format("{} is damaged: {}; 'analyze check' lists all such places",
                          database.label(), what));
}

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

std::optional<SwapTypeConfig> LoadSwapTypes(const Database& database, int64_t facts_id,
                                            int64_t snapshot_id) {
  Statement statement(database,
                      "SELECT name, value FROM system_fact WHERE snapshot_id IN (?, ?) "
                      "AND name LIKE 'config.CONFIG%' ORDER BY snapshot_id");
  statement.Bind(1, facts_id);
  statement.Bind(2, snapshot_id);
  std::optional<SwapTypeConfig> config;
  while (statement.Step()) {
    if (!config) config.emplace();
    bool set = statement.Text(1) == "y";
    if (statement.Text(0) == "config.CONFIG_DEVICE_PRIVATE") config->device_private = set;
    if (statement.Text(0) == "config.CONFIG_MEMORY_FAILURE") config->memory_failure = set;
    if (statement.Text(0) == "config.CONFIG_MIGRATION") config->migration = set;
  }
  return config;
}

std::vector<Zone> LoadZones(const Database& database, int64_t facts_id, int64_t snapshot_id) {
  Statement statement(database,
                      "SELECT node, name, start_pfn, spanned_count FROM memory_zone f "
                      "WHERE snapshot_id = ?2 OR (snapshot_id = ?1 AND NOT EXISTS (SELECT 1 "
                      "FROM memory_zone o WHERE o.snapshot_id = ?2 AND o.node = f.node "
                      "AND o.name = f.name)) ORDER BY start_pfn");
  statement.Bind(1, facts_id);
  statement.Bind(2, snapshot_id);
  std::vector<Zone> zones;
  while (statement.Step()) {
    auto start = static_cast<uint64_t>(statement.Int(2));
    zones.push_back({statement.Int(0), std::string(statement.Text(1)), start,
                     start + static_cast<uint64_t>(statement.Int(3))});
  }
  return zones;
}

// Returns the snapshot with this id, or null. They ascend.
const SnapshotInfo* FindSnapshot(const std::vector<SnapshotInfo>& snapshots, int64_t id) {
  auto found =
      std::lower_bound(snapshots.begin(), snapshots.end(), id,
                       [](const SnapshotInfo& info, int64_t key) { return info.id < key; });
  return found != snapshots.end() && found->id == id ? &*found : nullptr;
}

}  // namespace

const Zone* SnapshotInfo::ZoneOf(uint64_t pfn) const {
  for (const Zone& zone : zones) {
    if (pfn >= zone.start_pfn && pfn < zone.end_pfn) return &zone;
  }
  return nullptr;
}

struct SnapshotReader::Statements {
  explicit Statements(const Database& database)
      : owner(database, "SELECT process_id FROM mapping WHERE id = ?"),
        mappings(database,
                 "SELECT m.id, m.first_page, m.page_count, v.names FROM mapping m "
                 "LEFT JOIN vm_flags v ON v.id = m.vm_flags_id "
                 "WHERE m.process_id = ? ORDER BY m.id"),
        mapping(database,
                "SELECT m.id, m.first_page, m.page_count, v.names FROM mapping m "
                "LEFT JOIN vm_flags v ON v.id = m.vm_flags_id "
                "WHERE m.process_id = ? AND m.id = ?"),
        mapping_count(database, "SELECT COUNT(*) FROM mapping WHERE process_id = ?"),
        chunks(database,
               "SELECT first_page, content_id, present_count, swapped_count, special_count "
               "FROM page_chunk WHERE mapping_id = ? ORDER BY first_page"),
        content_pages(database, "SELECT page_count FROM page_content WHERE id = ?"),
        content(database, kSelectContent),
        accounting(database,
                   "SELECT row_count, figures, checksum FROM kernel_accounting "
                   "WHERE process_id = ?") {}

  Statement owner, mappings, mapping, mapping_count, chunks, content_pages, content, accounting;
};

SnapshotReader::SnapshotReader(const Database& database) : SnapshotReader(std::vector{&database}) {}

SnapshotReader::SnapshotReader(const std::vector<const Database*>& databases)
    : sources_(MakeSources(databases)) {
  for (const Source& source : sources_) {
    statements_.push_back(std::make_unique<Statements>(*source.database));
    frame_budgets_.push_back(std::make_unique<MemoryBudget>(*source.database));
    LoadSnapshots(source);
    LoadProcesses(source);
  }
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
         pfn_visible, was_read(4), was_read(5), was_read(6), LoadZones(database, facts_id, local)});
  }
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
  std::vector<int64_t> ids;
  for (const ProcessKey& process : processes_) {
    if (filter.snapshot_id && process.snapshot_id != *filter.snapshot_id) continue;
    if (filter.process_id && process.id != *filter.process_id) continue;
    if (owner && process.id != *owner) continue;
    ids.push_back(process.id);
  }
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
                      HasWord(row.Text(3), "pf")};
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

const std::unordered_map<int64_t, ContentUsage>& SnapshotReader::Usages(int64_t snapshot_id) {
  const auto found = usages_.find(snapshot_id);
  if (found != usages_.end()) return found->second;
  const Source& source = SourceOf(IdSpace::kSnapshot, snapshot_id);
  std::unordered_map<int64_t, ContentUsage> usages;
  LoadContentUsages(*source.database, *source.Local(IdSpace::kSnapshot, snapshot_id),
                    snapshot(snapshot_id).page_size,
                    [&](int64_t content_id, const ContentUsage& usage) {
                      usages.emplace(source.Global(IdSpace::kContent, content_id), usage);
                    });
  return usages_.emplace(snapshot_id, std::move(usages)).first->second;
}

const ContentUsage* SnapshotReader::Usage(int64_t snapshot_id, int64_t content_id) {
  const auto& usages = Usages(snapshot_id);
  const auto found = usages.find(content_id);
  return found != usages.end() ? &found->second : nullptr;
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

void SnapshotReader::NoteDamage(std::string_view problem) {
  const std::lock_guard lock(damage_mutex_);
  if (damage_.empty()) damage_ = problem;
}

std::string SnapshotReader::damage() const {
  const std::lock_guard lock(damage_mutex_);
  return damage_;
}

FrameTable& SnapshotReader::Frames(int64_t snapshot_id) {
  auto found = frames_.find(snapshot_id);
  if (found == frames_.end()) {
    const Source& source = SourceOf(IdSpace::kSnapshot, snapshot_id);
    int64_t local_id = *source.Local(IdSpace::kSnapshot, snapshot_id);
    const auto index = static_cast<size_t>(&source - sources_.data());
    found =
        frames_.try_emplace(snapshot_id, *source.database, local_id, frame_budgets_[index].get())
            .first;
  }
  return found->second;
}

}  // namespace pagesnap
