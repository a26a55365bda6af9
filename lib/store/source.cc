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
