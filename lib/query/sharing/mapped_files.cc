#include "lib/query/sharing/mapped_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/work_limit.h"
#include "lib/kernel/page_word.h"

namespace pagesnap {
namespace {

// The header of a program is in memory, and the first mapping of it shows that; a few more are for
// data of which processes use different parts.
constexpr size_t kMaxMappings = 8;
constexpr size_t kMaxPages = 1024;

constexpr char kFiles[] = "SELECT id, device, inode, path FROM file WHERE inode <> 0";

// What files can have in common, as hashes: a file table can have a million rows.
struct Keys {
  uint64_t place;  // device and inode
  uint64_t name;   // the last part of the path
  uint64_t all;    // all of the row: the versions of one file in a series are not ambiguous
};

Keys KeysOf(const Statement& row) {
  std::string_view path = row.Text(3);
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  const std::hash<std::string_view> hash;
  const uint64_t place = hash(row.Text(1)) * 31 + static_cast<uint64_t>(row.Int(2));
  return {place, hash(BaseName(path)), place * 31 + hash(row.Text(3))};
}

// One of the keys of a row, and all of it.
using KeyOfRow = std::pair<uint64_t, uint64_t>;

// Returns the keys that different rows have, ascending.
std::vector<uint64_t> FindRepeated(std::vector<KeyOfRow> keys) {
  std::ranges::sort(keys);
  std::vector<uint64_t> repeated;
  for (size_t i = 1; i < keys.size(); ++i) {
    const bool is_new = repeated.empty() || repeated.back() != keys[i].first;
    if (keys[i].first == keys[i - 1].first && keys[i] != keys[i - 1] && is_new) {
      repeated.push_back(keys[i].first);
    }
  }
  return repeated;
}

// Returns the ids of rows that have something in common with others, as they are in the file.
std::vector<int64_t> FindCandidates(const Database& database) {
  std::vector<KeyOfRow> of_places;
  std::vector<KeyOfRow> of_names;
  Statement statement(database, kFiles);
  while (statement.Step()) {
    CheckWork();
    const Keys keys = KeysOf(statement);
    of_places.emplace_back(keys.place, keys.all);
    of_names.emplace_back(keys.name, keys.all);
  }
  const std::vector<uint64_t> places = FindRepeated(std::move(of_places));
  const std::vector<uint64_t> names = FindRepeated(std::move(of_names));
  std::vector<int64_t> ids;
  if (places.empty() && names.empty()) return ids;
  statement.Reset();
  while (statement.Step()) {
    const Keys keys = KeysOf(statement);
    if (std::ranges::binary_search(places, keys.place) ||
        std::ranges::binary_search(names, keys.name)) {
      ids.push_back(statement.Int(0));
    }
  }
  return ids;
}

}  // namespace

std::vector<MappedFile> FindAmbiguousFiles(SnapshotReader& reader, int64_t snapshot_id) {
  const Source& source = reader.SourceOf(IdSpace::kSnapshot, snapshot_id);
  const uint64_t page_size = reader.snapshot(snapshot_id).page_size;
  std::unordered_map<int64_t, MappedFile> candidates;
  for (const int64_t id : FindCandidates(*source.database)) candidates.try_emplace(id);
  std::vector<MappedFile> files;
  if (candidates.empty()) return files;

  // The rows that are stored are enough: a copy maps what its source maps, in the same snapshot.
  Statement mappings(*source.database,
                     "SELECT m.file_id, m.process_id, m.id, m.offset, substr(m.perms, 3, 1) = 'x' "
                     "FROM process p JOIN mapping m ON m.process_id = p.id "
                     "WHERE p.snapshot_id = ? ORDER BY p.id, m.id");
  mappings.Bind(1, *source.Local(IdSpace::kSnapshot, snapshot_id));
  while (mappings.Step()) {
    const auto found = candidates.find(mappings.Int(0));
    if (found == candidates.end()) continue;
    CheckWork();
    MappedFile& file = found->second;
    file.id = source.Global(IdSpace::kFile, found->first);
    file.is_program |= mappings.Int(4) != 0;
    if (file.mappings.size() == kMaxMappings) continue;
    file.mappings.push_back(
        {.process_id = source.Global(IdSpace::kProcess, mappings.Int(1)),
         .mapping_id = source.Global(IdSpace::kMapping, mappings.Int(2)),
         .first_file_page = static_cast<uint64_t>(mappings.Int(3)) / page_size});
  }
  Statement record(*source.database,
                   fmt::format("SELECT {} FROM file WHERE id = ?", kFileRecordColumns));
  for (auto& [local_id, file] : candidates) {
    if (file.id == 0) continue;
    record.Reset();
    record.Bind(1, local_id);
    if (!record.Step()) continue;
    file.record = ReadFileRecord(record, 0);
    files.push_back(std::move(file));
  }
  std::ranges::sort(files, {}, &MappedFile::id);
  return files;
}

std::vector<CachedPage> FindCachedPages(SnapshotReader& reader, const MappedFile& file) {
  constexpr uint64_t kCached = PageWord::kPresent | PageWord::kFile;
  std::vector<CachedPage> pages;
  for (const FileMapping& place : file.mappings) {
    CheckWork();
    try {
      const PageFilter filter = {.mapping_id = place.mapping_id};
      for (const MappingInfo& mapping : reader.Mappings(place.process_id, filter)) {
        for (const ChunkInfo& chunk : reader.Chunks(mapping)) {
          if (pages.size() >= kMaxPages) break;
          const auto words = reader.SharedWords(chunk.content_id);
          for (size_t i = 0; i < words->size(); ++i) {
            const PageWord word((*words)[i]);
            if (((*words)[i] & kCached) != kCached || word.pfn() == 0) continue;
            pages.push_back({place.first_file_page + chunk.first_page + i, word.pfn()});
          }
        }
      }
    } catch (const Error&) {
      // Who reads its pages says what is damaged.
    }
  }
  std::ranges::sort(pages);
  pages.erase(std::unique(pages.begin(), pages.end()), pages.end());
  return pages;
}

}  // namespace pagesnap
