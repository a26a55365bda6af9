#include "lib/store/schema.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"
#include "lib/store/format_tables.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {
namespace {

uint32_t BigEndian(const unsigned char* bytes) {
  return static_cast<uint32_t>(bytes[0]) << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

// Returns which release reads a file of another format version, as the file says itself. It is
// anybody's: only digits and dots are taken for a release.
std::string ReleaseThatReads(const std::string& path) {
  try {
    const Database database = Database::OpenReadOnly(path);
    // Of a view, the file's own SQL would run here.
    Statement table(database,
                    "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'format'");
    if (!table.Step()) throw Error("no table format");
    Statement statement(database, "SELECT oldest_release FROM format LIMIT 1");
    constexpr size_t kMaxSize = 20;
    const std::string_view release = statement.Step() ? statement.Text(0) : "";
    if (!release.empty() && release.size() <= kMaxSize &&
        release.find_first_not_of("0123456789.") == std::string_view::npos) {
      return fmt::format("pagesnap {} or newer", release);
    }
  } catch (const Error&) {
    // The table came with version 3, and what a later version makes of it is not known here.
  }
  return "the pagesnap release that wrote it, or a newer one";
}

// Looks at the first 100 bytes (sqlite.org/fileformat2.html, section 1.3) before SQLite does, which
// has one message for many mistakes.
void CheckHeader(const std::string& path, const std::string& label) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) throw Error(fmt::format("{}: {}", label, ErrnoText(errno)));
  struct stat status;
  if (fstat(fd.get(), &status) != 0) throw Error(fmt::format("{}: {}", label, ErrnoText(errno)));
  if (S_ISDIR(status.st_mode))
    throw Error(fmt::format("{} is a directory, not a pagesnap file", label));
  if (!S_ISREG(status.st_mode)) {
    throw Error(fmt::format("{} is not a regular file; copy what it gives into one first", label));
  }
  if (status.st_size == 0) {
    throw Error(
        fmt::format("{} is empty; a capture never leaves such a file, so copy it again", label));
  }
  unsigned char header[100];
  ssize_t size = pread(fd.get(), header, sizeof header, 0);
  if (size < 0) throw Error(fmt::format("{}: {}", label, ErrnoText(errno)));
  if (size < 100 || std::memcmp(header, "SQLite format 3", 16) != 0) {
    throw Error(fmt::format("{} is not a pagesnap file: it is not an SQLite database", label));
  }
  if (uint32_t application = BigEndian(header + 68); application != kApplicationId) {
    throw Error(fmt::format(
        "{} is an SQLite database, but not a pagesnap file (its application_id is {:#x})", label,
        application));
  }
  if (uint32_t version = BigEndian(header + 60); version > kFormatVersion || version == 0) {
    throw Error(fmt::format("{} has format version {}, and this analyze reads up to {}; use {}",
                            label, version, kFormatVersion, ReleaseThatReads(path)));
  }
  uint64_t page_size = header[16] << 8 | header[17];
  if (page_size == 1) page_size = 65536;
  uint64_t expected = page_size * BigEndian(header + 28);
  if (static_cast<uint64_t>(status.st_size) < expected) {
    throw Error(fmt::format("{} is cut off: it has {} of {} bytes; copy it again", label,
                            static_cast<uint64_t>(status.st_size), expected));
  }
}

// Returns the statement that makes each object of a database, by kind and name.
std::map<std::string, std::string> ObjectsOf(const Database& database) {
  std::map<std::string, std::string> objects;
  Statement statement(database, "SELECT type, name, tbl_name, sql FROM sqlite_schema");
  while (statement.Step()) {
    std::string name = fmt::format("{} {}", statement.Text(0), statement.Text(1));
    // Two objects of one name cannot be told apart, and are never ours.
    std::string sql = SchemaObject(statement.Text(2), statement.Text(3));
    if (!objects.try_emplace(name, sql).second) objects[name] += "twice";
  }
  return objects;
}

// A table, or a column of an older table, that came after version 1.
struct Addition {
  int64_t version;  // the first that has it
  std::string_view table;
  std::string_view column = {};  // as tables.sql defines it; "": the whole table
  std::string_view older = {};   // the value in older files: SQL over the table's row
};

constexpr Addition kAdditions[] = {
    {2, "content_usage"},
    {3, "format"},
    {3, "process", "cmdline_process_id INTEGER NOT NULL REFERENCES process (id)", "id"},
    {3, "process", "cmdline_length INTEGER", "LENGTH(CAST(cmdline AS BLOB))"},
    {3, "process", "frozen INTEGER NOT NULL",
     "(SELECT s.frozen FROM main.snapshot s WHERE s.id = snapshot_id)"},
    {3, "process", "stopped_ns INTEGER", "NULL"},
    {4, "snapshot", "map_count_kind TEXT", "NULL"},
    {4, "process", "memory_process_id INTEGER REFERENCES process (id)", "NULL"},
    {4, "process", "ended INTEGER NOT NULL", "0"},
    {4, "file", "size INTEGER", "NULL"},
    {4, "file", "mtime_ns INTEGER", "NULL"},
    {4, "file", "build_id TEXT", "NULL"},
    {4, "file", "link_count INTEGER", "NULL"},
    {5, "file", "block_count INTEGER", "NULL"},
    {6, "machine_counters"},
    {6, "process", "page_table_kib INTEGER", "NULL"},
    {6, "ram_chunk"},
    {6, "ram_range"},
    {6, "free_area"},
    {6, "mapping_copy"},
    {6, "kernel_accounting", "base_process_id INTEGER REFERENCES process (id)", "NULL"},
};

std::string_view ColumnName(const Addition& addition) {
  return addition.column.substr(0, addition.column.find(' '));
}

// Returns the objects of a file of this version.
std::map<std::string, std::string> ObjectsOfVersion(int64_t version) {
  std::map<std::string, std::string> objects = FormatObjects();
  for (const Addition& addition : kAdditions) {
    if (addition.version <= version) continue;
    const std::string name = fmt::format("table {}", addition.table);
    if (addition.column.empty()) {
      objects.erase(name);
      continue;
    }
    auto found = objects.find(name);
    if (found == objects.end()) continue;  // the whole table is newer
    const std::string definition = fmt::format(", {}", addition.column);
    found->second.erase(found->second.find(definition), definition.size());
  }
  return objects;
}

// Returns a statement that makes an empty table with all columns, for the connection alone.
std::string EmptyTableSql(const std::string& object) {
  const std::string& statement = FormatObjects().at(object);
  const std::string create = "CREATE ";
  return create + "TEMP " + statement.substr(statement.find(create) + create.size());
}

// Returns a statement that makes a view with the columns that the table has and those that it
// lacks.
std::string WiderTableSql(const std::string& table, int64_t version) {
  std::string columns;
  for (const FormatColumn& column : FormatTables().at(table)) {
    if (!columns.empty()) columns += ", ";
    const auto* addition = std::ranges::find_if(kAdditions, [&](const Addition& one) {
      return one.version > version && one.table == table && ColumnName(one) == column.name;
    });
    columns += addition == std::end(kAdditions)
                   ? column.name
                   : fmt::format("{} AS {}", addition->older, column.name);
  }
  return fmt::format("CREATE TEMP VIEW {0} AS SELECT {1} FROM main.{0}", table, columns);
}

[[noreturn]] void ThrowOtherSchema(const Database& database, std::string_view object) {
  std::string shown;
  for (char c : object.substr(0, 80)) shown += c >= ' ' && c <= '~' ? c : '?';
  throw Error(
      fmt::format("{} is not as capture writes it: {} is not what it should be, is not there, or "
                  "does not belong there; the file was changed, so ask for the original",
                  database.label(), shown));
}

}  // namespace

void CreateSchema(Database& database) {
  database.Execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                               kApplicationId, kFormatVersion));
  database.Execute(std::string(TablesSql()));
  Statement(database, "INSERT INTO format (oldest_release) VALUES (?)").Run(kFormatRelease);
}

std::string AdditionsSql(int64_t version) {
  const std::map<std::string, std::string> present = ObjectsOfVersion(version);
  std::string sql;
  for (const auto& [object, statement] : FormatObjects()) {
    auto found = present.find(object);
    if (found == present.end()) {
      sql += EmptyTableSql(object) + ";\n";
    } else if (found->second != statement) {
      sql += WiderTableSql(object.substr(object.find(' ') + 1), version) + ";\n";
    }
  }
  return sql;
}

int64_t FormatVersionOf(const Database& database) {
  Statement version(database, "PRAGMA user_version");
  version.Step();
  return version.Int(0);
}

void CheckSchema(const Database& database) {
  const std::map<std::string, std::string> expected = ObjectsOfVersion(FormatVersionOf(database));
  const std::map<std::string, std::string> objects = ObjectsOf(database);
  for (const auto& [name, sql] : objects) {
    auto found = expected.find(name);
    if (found == expected.end() || found->second != sql) ThrowOtherSchema(database, name);
  }
  for (const auto& [name, sql] : expected) {
    if (!objects.contains(name)) ThrowOtherSchema(database, name);
  }
}

int64_t FileBytes(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return 0;
  constexpr int64_t kBlock = 512;  // in any file system: stat(2)
  return std::min<int64_t>(status.st_size, status.st_blocks * kBlock);
}

Database OpenSnapshotFile(const std::string& path, const std::string& label) {
  CheckHeader(path, label.empty() ? path : label);
  Database database = Database::OpenReadOnly(path, label);
  CheckSchema(database);
  database.Execute(AdditionsSql(FormatVersionOf(database)));
  return database;
}

}  // namespace pagesnap
