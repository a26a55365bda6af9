#include "lib/store/snapshot_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "lib/base/error.h"
#include "lib/codec/checksum.h"

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

}  // namespace

const Zone* SnapshotInfo::ZoneOf(uint64_t pfn) const {
  for (const Zone& zone : zones) {
    if (pfn >= zone.start_pfn && pfn < zone.end_pfn) return &zone;
  }
  return nullptr;
}

SnapshotReader::SnapshotReader(const Database& database)
    : database_(database), contents_(database) {
  LoadSnapshots();
  Statement statement(database, "SELECT id, snapshot_id FROM process ORDER BY id");
  while (statement.Step()) processes_.push_back({statement.Int(0), statement.Int(1)});
}

void SnapshotReader::LoadSnapshots() {
  Statement statement(database_,
                      "SELECT id, page_size, kernel_release, pfn_visible, flags_state, "
                      "map_count_state FROM snapshot ORDER BY id");
  while (statement.Step()) {
    int64_t id = statement.Int(0);
    auto page_size = static_cast<uint64_t>(statement.Int(1));
    if (!std::has_single_bit(page_size) || page_size < 1024 || page_size > (1 << 24)) {
      ThrowDamaged(database_,
                   fmt::format("snapshot {} has a page size of {} bytes", id, page_size));
    }
    auto was_read = [&](int column) {
      return statement.Text(column) == "read" || statement.Text(column) == "partly";
    };
    KernelRelease release = ParseKernelRelease(statement.Text(2));
    bool pfn_visible = statement.Int(3) != 0;
    snapshots_.push_back({id, page_size, release,
                          PageWordDecoder(release, LoadSwapTypes(id), pfn_visible), pfn_visible,
                          was_read(4), was_read(5), LoadZones(id)});
  }
}

std::optional<SwapTypeConfig> SnapshotReader::LoadSwapTypes(int64_t snapshot_id) const {
  Statement statement(database_,
                      "SELECT name, value FROM system_fact "
                      "WHERE snapshot_id = ? AND name LIKE 'config.CONFIG%'");
  statement.Bind(1, snapshot_id);
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

std::vector<Zone> SnapshotReader::LoadZones(int64_t snapshot_id) const {
  Statement statement(database_,
                      "SELECT node, name, start_pfn, spanned_count FROM memory_zone "
                      "WHERE snapshot_id = ? ORDER BY start_pfn");
  statement.Bind(1, snapshot_id);
  std::vector<Zone> zones;
  while (statement.Step()) {
    auto start = static_cast<uint64_t>(statement.Int(2));
    zones.push_back({statement.Int(0), std::string(statement.Text(1)), start,
                     start + static_cast<uint64_t>(statement.Int(3))});
  }
  return zones;
}

const SnapshotInfo& SnapshotReader::snapshot(int64_t id) const {
  for (const SnapshotInfo& info : snapshots_) {
    if (info.id == id) return info;
  }
  ThrowDamaged(database_, fmt::format("something refers to snapshot {}, which is not there", id));
}

std::vector<int64_t> SnapshotReader::Processes(const PageFilter& filter) const {
  std::vector<int64_t> ids;
  for (const ProcessKey& process : processes_) {
    if (filter.snapshot_id && process.snapshot_id != *filter.snapshot_id) continue;
    if (filter.process_id && process.id != *filter.process_id) continue;
    ids.push_back(process.id);
  }
  if (filter.mapping_id) {
    Statement owner(database_, "SELECT process_id FROM mapping WHERE id = ?");
    owner.Bind(1, *filter.mapping_id);
    int64_t process_id = owner.Step() ? owner.Int(0) : -1;
    std::erase_if(ids, [&](int64_t id) { return id != process_id; });
  }
  return ids;
}

std::vector<MappingInfo> SnapshotReader::Mappings(int64_t process_id,
                                                  const PageFilter& filter) const {
  auto process = std::find_if(processes_.begin(), processes_.end(),
                              [&](const ProcessKey& key) { return key.id == process_id; });
  if (process == processes_.end()) return {};
  Statement statement(database_,
                      "SELECT m.id, m.first_page, m.page_count, v.names FROM mapping m "
                      "LEFT JOIN vm_flags v ON v.id = m.vm_flags_id "
                      "WHERE m.process_id = ? ORDER BY m.id");
  statement.Bind(1, process_id);
  std::vector<MappingInfo> mappings;
  while (statement.Step()) {
    MappingInfo mapping{statement.Int(0),
                        process_id,
                        process->snapshot_id,
                        static_cast<uint64_t>(statement.Int(1)),
                        static_cast<uint64_t>(statement.Int(2)),
                        HasWord(statement.Text(3), "pf")};
    if (mapping.page_count == 0 || mapping.first_page + mapping.page_count < mapping.first_page) {
      ThrowDamaged(database_, fmt::format("mapping {} has an impossible size", mapping.id));
    }
    if (filter.mapping_id && mapping.id != *filter.mapping_id) continue;
    if (mapping.first_page > filter.last_page) continue;
    if (mapping.first_page + mapping.page_count - 1 < filter.first_page) continue;
    mappings.push_back(mapping);
  }
  return mappings;
}

std::vector<ChunkInfo> SnapshotReader::Chunks(const MappingInfo& mapping) {
  if (!chunk_statement_) {
    chunk_statement_ = std::make_unique<Statement>(
        database_,
        "SELECT first_page, content_id, present_count, swapped_count, special_count "
        "FROM page_chunk WHERE mapping_id = ? ORDER BY first_page");
  }
  Statement& statement = *chunk_statement_;
  statement.Bind(1, mapping.id);
  std::vector<ChunkInfo> chunks;
  while (statement.Step()) {
    ChunkInfo chunk{static_cast<uint64_t>(statement.Int(0)), statement.Int(1), statement.Int(2),
                    statement.Int(3), statement.Int(4)};
    if (chunk.first_page >= mapping.page_count) {
      ThrowDamaged(database_, fmt::format("mapping {} has pages behind its end", mapping.id));
    }
    chunks.push_back(chunk);
  }
  statement.Reset();
  return chunks;
}

std::span<const uint64_t> SnapshotReader::Words(int64_t content_id) {
  if (content_id != words_content_id_) {
    words_content_id_ = 0;
    words_ = contents_.Read(content_id);
    words_content_id_ = content_id;
  }
  return words_;
}

const AccountingTable* SnapshotReader::Accounting(int64_t process_id) {
  if (process_id != accounting_process_id_) {
    accounting_.reset();
    accounting_process_id_ = 0;
    Statement statement(
        database_,
        "SELECT row_count, figures, checksum FROM kernel_accounting WHERE process_id = ?");
    statement.Bind(1, process_id);
    if (statement.Step()) {
      ByteSpan blob = statement.Blob(1);
      if (BlobChecksum(blob) != statement.Int(2) || statement.Int(0) < 0) {
        ThrowDamaged(database_, fmt::format("kernel_accounting of process {} does not match its "
                                            "checksum",
                                            process_id));
      }
      accounting_.emplace(blob, static_cast<uint64_t>(statement.Int(0)));
    }
    accounting_process_id_ = process_id;
  }
  return accounting_ ? &*accounting_ : nullptr;
}

FrameTable& SnapshotReader::Frames(int64_t snapshot_id) {
  auto found = frames_.find(snapshot_id);
  if (found == frames_.end()) {
    found = frames_.try_emplace(snapshot_id, database_, snapshot_id).first;
  }
  return found->second;
}

}  // namespace pagesnap
