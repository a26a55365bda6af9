#include "lib/store/read/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "lib/base/error.h"
#include "lib/base/work_limit.h"
#include "lib/store/sqlite/damage.h"
#include "lib/store/sqlite/facts.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {
namespace {

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
constexpr int64_t kMaxSharedBytes = 64 << 10;

int64_t MaxBytes(std::string_view table, std::string_view column) {
  for (const LongText& text : kLongTexts) {
    if (table == text.table && column == text.column) return kMaxTextBytes;
  }
  return kMaxSharedBytes;
}

struct Column {
  std::string name;
  bool is_text;
};

// Looks at each value of a table. SQLite checks types (STRICT) for those alone who write with it.
void CheckValues(const Database& database, std::string_view table,
                 const std::vector<Column>& columns) {
  std::string names;
  for (const Column& column : columns) names += (names.empty() ? "" : ", ") + column.name;
  Statement row(database, fmt::format("SELECT {} FROM {}", names, table));
  // Rows can have their texts on the same overflow pages: then a small file has any number of them.
  // A character takes three bytes in UTF-8 where it takes two in UTF-16, as the file may have it.
  const int64_t most_bytes = 2 * database.Size();
  int64_t all_bytes = 0;
  while (row.Step()) {
    CheckWork();
    for (int i = 0; i < static_cast<int>(columns.size()); ++i) {
      const Column& column = columns[static_cast<size_t>(i)];
      if (row.IsNull(i)) continue;
      if (column.is_text ? !row.IsText(i) : !row.IsInteger(i)) {
        ThrowDamaged(database, fmt::format("a {} in table {} is {}", column.name, table,
                                           column.is_text ? "no text" : "no integer"));
      }
      if (!column.is_text) continue;
      const auto bytes = static_cast<int64_t>(row.Text(i).size());
      if (bytes > MaxBytes(table, column.name)) {
        ThrowDamaged(database,
                     fmt::format("a {} in table {} has {} bytes", column.name, table, bytes));
      }
      all_bytes += bytes;
    }
    if (all_bytes > most_bytes) {
      ThrowDamaged(database, fmt::format("table {} has more text than the file", table));
    }
  }
}

// The tables that can have millions of rows: their values are checked where they are read. Each of
// them shows its own texts and blobs.
constexpr std::string_view kLargeTables[] = {"mapping",       "page_chunk",       "page_content",
                                             "content_usage", "frame_content",    "frame_chunk",
                                             "ram_chunk",     "kernel_accounting"};

// Checks the types of all values of the other tables, and the lengths of their texts.
void CheckValues(const Database& database) {
  // One that is longer than any fails before it is read.
  const int limit = database.LimitLength(kMaxTextBytes);
  Statement statement(database,
                      "SELECT m.name, c.name, c.type FROM sqlite_schema m, "
                      "pragma_table_info(m.name) c WHERE m.type = 'table'");
  std::map<std::string, std::vector<Column>> tables;
  while (statement.Step()) {
    const std::string_view table = statement.Text(0);
    if (std::find(std::begin(kLargeTables), std::end(kLargeTables), table) !=
        std::end(kLargeTables)) {
      continue;
    }
    const std::string_view type = statement.Text(2);
    if (type != "TEXT" && type != "INTEGER") continue;
    tables[std::string(table)].push_back({std::string(statement.Text(1)), type == "TEXT"});
  }
  for (const auto& [table, columns] : tables) CheckValues(database, table, columns);
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
    CheckValues(*database);
    Source source{database, std::make_shared<MappingCopies>(*database), offset, offset};
    for (const SpaceNames& names : kSpaces) {
      Statement statement(*database, fmt::format("SELECT (SELECT MIN(id) FROM {0}), "
                                                 "(SELECT MAX(id) FROM {0})",
                                                 names.table));
      if (!statement.Step() || statement.IsNull(0)) continue;
      int64_t last = statement.Int(1);
      if (names.space == IdSpace::kMapping && !source.copies->empty()) {
        last = std::max(last, source.copies->all().back().last_id());
      }
      if (statement.Int(0) < 1 || last > kMaxRowId) {
        throw Error(fmt::format("{} is damaged: table {} has impossible ids", database->label(),
                                names.table));
      }
      source.last[static_cast<size_t>(names.space)] += last;
    }
    offset = source.last;
    sources.push_back(source);
  }
  return sources;
}

}  // namespace pagesnap
