#include "lib/store/source.h"

#include <fmt/format.h>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

constexpr int64_t kMaxId = int64_t{1} << 40;

struct SpaceNames {
  IdSpace space;
  const char* table;
  const char* column;  // in other tables
};
constexpr SpaceNames kSpaces[] = {{IdSpace::kSnapshot, "snapshot", "snapshot_id"},
                                  {IdSpace::kProcess, "process", "process_id"},
                                  {IdSpace::kMapping, "mapping", "mapping_id"},
                                  {IdSpace::kFile, "file", "file_id"},
                                  {IdSpace::kVmFlags, "vm_flags", "vm_flags_id"},
                                  {IdSpace::kContent, "page_content", "content_id"},
                                  {IdSpace::kFrameContent, "frame_content", "frame_content_id"},
                                  {IdSpace::kGap, "gap", "gap_id"}};

// Texts that many rows of a report can show: a long one would make an answer of any size.
struct SharedText {
  const char* table;
  const char* column;
};
constexpr SharedText kSharedTexts[] = {
    {"file", "path"},        {"vm_flags", "names"}, {"process", "name"},
    {"process", "cgroup"},   {"cgroup", "path"},    {"swap_device", "path"},
    {"memory_zone", "name"}, {"flag_name", "name"}, {"snapshot", "host"}};
// Four times the longest path, each byte escaped as four.
constexpr int64_t kMostTextBytes = 64 << 10;

void CheckTexts(const Database& database) {
  for (const SharedText& text : kSharedTexts) {
    Statement statement(database, fmt::format("SELECT MAX(LENGTH(CAST({} AS BLOB))) FROM {}",
                                              text.column, text.table));
    if (statement.Step() && statement.Int(0) > kMostTextBytes) {
      throw Error(
          fmt::format("{} is damaged: a {} in table {} has {} bytes, which no capture writes",
                      database.label(), text.column, text.table, statement.Int(0)));
    }
  }
}

}  // namespace

std::optional<IdSpace> IdSpaceOf(std::string_view table, std::string_view column) {
  for (const SpaceNames& names : kSpaces) {
    if (column == names.column || (column == "id" && table == names.table)) return names.space;
    if (column == std::string("facts_") + names.column) return names.space;
  }
  return std::nullopt;
}

std::vector<Source> MakeSources(const std::vector<const Database*>& databases) {
  std::vector<Source> sources;
  std::array<int64_t, kIdSpaceCount> offset{};
  for (const Database* database : databases) {
    CheckTexts(*database);
    Source source{database, offset, offset};
    for (const SpaceNames& names : kSpaces) {
      Statement statement(*database, fmt::format("SELECT (SELECT MIN(id) FROM {0}), "
                                                 "(SELECT MAX(id) FROM {0})",
                                                 names.table));
      if (!statement.Step() || statement.IsNull(0)) continue;
      if (statement.Int(0) < 1 || statement.Int(1) > kMaxId) {
        throw Error(fmt::format("{} is damaged: table {} has impossible ids", database->label(),
                                names.table));
      }
      source.last[static_cast<size_t>(names.space)] += statement.Int(1);
    }
    offset = source.last;
    sources.push_back(source);
  }
  return sources;
}

}  // namespace pagesnap
