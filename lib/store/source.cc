#include "lib/store/source.h"

#include <fmt/format.h>

#include <map>

#include "lib/base/error.h"
#include "lib/store/facts.h"

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

// Texts that stand once in a file, so that a long one is no more than a long line.
struct LongText {
  const char* table;
  const char* column;
};
constexpr LongText kLongTexts[] = {
    {"process", "cmdline"}, {"snapshot", "options"}, {"system_fact", "value"}};
// The others can be shown by many rows of a report, and make an answer of any size. Four times the
// longest path, each byte escaped as four.
constexpr int64_t kMostSharedBytes = 64 << 10;

int64_t MostBytes(std::string_view table, std::string_view column) {
  for (const LongText& text : kLongTexts) {
    if (table == text.table && column == text.column) return kMostTextBytes;
  }
  return kMostSharedBytes;
}

void CheckTexts(const Database& database, std::string_view table,
                const std::vector<std::string>& columns) {
  std::string lengths;
  for (const std::string& column : columns) {
    lengths += fmt::format("{}MAX(LENGTH(CAST({} AS BLOB)))", lengths.empty() ? "" : ", ", column);
  }
  Statement statement(database, fmt::format("SELECT {} FROM {}", lengths, table));
  statement.Step();
  for (size_t i = 0; i < columns.size(); ++i) {
    const int64_t bytes = statement.Int(static_cast<int>(i));
    if (bytes <= MostBytes(table, columns[i])) continue;
    throw Error(fmt::format("{} is damaged: a {} in table {} has {} bytes, which no capture writes",
                            database.label(), columns[i], table, bytes));
  }
}

// Checks the length of all texts but mapping.perms: that table alone can have millions of rows, and
// each shows its own.
void CheckTexts(const Database& database) {
  // One that is longer than any fails before it is read.
  const int limit = database.LimitLength(kMostTextBytes);
  Statement statement(database,
                      "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c "
                      "WHERE m.type = 'table' AND m.name <> 'mapping' AND c.type = 'TEXT'");
  std::map<std::string, std::vector<std::string>> columns;
  while (statement.Step()) {
    columns[std::string(statement.Text(0))].emplace_back(statement.Text(1));
  }
  for (const auto& [table, names] : columns) CheckTexts(database, table, names);
  database.LimitLength(limit);
}

}  // namespace

std::optional<IdSpace> IdSpaceOf(std::string_view table, std::string_view column) {
  for (const SpaceNames& names : kSpaces) {
    if (column == names.column || (column == "id" && table == names.table)) return names.space;
    // Columns that say what the row refers to it for: facts_snapshot_id, cmdline_process_id.
    if (column.ends_with(std::string("_") + names.column)) return names.space;
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
