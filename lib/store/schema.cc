#include "lib/store/schema.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <map>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace pagesnap {
namespace {

uint32_t BigEndian(const unsigned char* bytes) {
  return static_cast<uint32_t>(bytes[0]) << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

// Looks at the first 100 bytes (sqlite.org/fileformat2.html, section 1.3) before SQLite does, which
// has one message for many mistakes.
void CheckHeader(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) throw Error(fmt::format("{}: {}", path, ErrnoText(errno)));
  struct stat status;
  if (fstat(fd.get(), &status) != 0) throw Error(fmt::format("{}: {}", path, ErrnoText(errno)));
  if (S_ISDIR(status.st_mode))
    throw Error(fmt::format("{} is a directory, not a pagesnap file", path));
  if (!S_ISREG(status.st_mode)) {
    throw Error(fmt::format("{} is not a regular file; copy what it gives into one first", path));
  }
  if (status.st_size == 0) {
    throw Error(
        fmt::format("{} is empty; a capture never leaves such a file, so copy it again", path));
  }
  unsigned char header[100];
  ssize_t size = pread(fd.get(), header, sizeof header, 0);
  if (size < 0) throw Error(fmt::format("{}: {}", path, ErrnoText(errno)));
  if (size < 100 || std::memcmp(header, "SQLite format 3", 16) != 0) {
    throw Error(fmt::format("{} is not a pagesnap file: it is not an SQLite database", path));
  }
  if (uint32_t application = BigEndian(header + 68); application != kApplicationId) {
    throw Error(fmt::format(
        "{} is an SQLite database, but not a pagesnap file (its application_id is {:#x})", path,
        application));
  }
  if (uint32_t version = BigEndian(header + 60); version > kFormatVersion || version == 0) {
    throw Error(fmt::format(
        "{} has format version {}, and this analyze reads up to {}; use the pagesnap release that "
        "wrote it, or a newer one",
        path, version, kFormatVersion));
  }
  uint64_t page_size = header[16] << 8 | header[17];
  if (page_size == 1) page_size = 65536;
  uint64_t expected = page_size * BigEndian(header + 28);
  if (static_cast<uint64_t>(status.st_size) < expected) {
    throw Error(fmt::format("{} is cut off: it has {} of {} bytes; copy it again", path,
                            static_cast<uint64_t>(status.st_size), expected));
  }
}

// Returns a statement without comments, and with one blank for each stretch of blanks. That keeps
// its meaning as long as it quotes nothing, which our own statements do not.
std::string Normalised(std::string_view sql) {
  std::string text;
  for (size_t i = 0; i < sql.size(); ++i) {
    if (sql.substr(i, 2) == "--") i = sql.find('\n', i);
    if (i >= sql.size()) break;
    if (sql[i] != ' ' && sql[i] != '\n') {
      text += sql[i];
    } else if (!text.empty() && text.back() != ' ') {
      text += ' ';
    }
  }
  return text;
}

// Returns the statement that makes each object of a database, by kind and name.
std::map<std::string, std::string> ObjectsOf(const Database& database) {
  std::map<std::string, std::string> objects;
  Statement statement(database, "SELECT type, name, tbl_name, sql FROM sqlite_schema");
  while (statement.Step()) {
    std::string name = fmt::format("{} {}", statement.Text(0), statement.Text(1));
    // Two objects of one name cannot be told apart, and are never ours.
    std::string sql = fmt::format("{}: {}", statement.Text(2), Normalised(statement.Text(3)));
    if (!objects.try_emplace(name, sql).second) objects[name] += "twice";
  }
  return objects;
}

// Returns the objects of a file of the newest version.
const std::map<std::string, std::string>& NewestObjects() {
  static const std::map<std::string, std::string> kObjects = [] {
    Database model = Database::OpenMemory("the schema");
    model.Execute(std::string(TablesSql()));
    return ObjectsOf(model);
  }();
  return kObjects;
}

// A table that came after version 1, and with which version.
struct Addition {
  std::string object;  // as ObjectsOf() names it
  int64_t version;
};

// Returns the tables that a file as old as this one has not.
std::vector<std::string> MissingIn(const Database& database) {
  static const Addition kAdditions[] = {{"table content_usage", 2}};
  Statement version(database, "PRAGMA user_version");
  version.Step();
  std::vector<std::string> missing;
  for (const Addition& addition : kAdditions) {
    if (version.Int(0) < addition.version) missing.push_back(addition.object);
  }
  return missing;
}

// Makes an empty table that a file is too old to have, for the connection alone: whoever looks into
// it need not ask for the version.
void AddEmpty(const std::string& object, Database* database) {
  const std::string& statement = NewestObjects().at(object);
  const std::string create = "CREATE ";
  database->Execute(create + "TEMP " + statement.substr(statement.find(create) + create.size()));
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
}

void CheckSchema(const Database& database) {
  std::map<std::string, std::string> expected = NewestObjects();
  for (const std::string& object : MissingIn(database)) expected.erase(object);
  const std::map<std::string, std::string> objects = ObjectsOf(database);
  for (const auto& [name, sql] : objects) {
    auto found = expected.find(name);
    if (found == expected.end() || found->second != sql) ThrowOtherSchema(database, name);
  }
  for (const auto& [name, sql] : expected) {
    if (!objects.contains(name)) ThrowOtherSchema(database, name);
  }
}

Database OpenSnapshotFile(const std::string& path) {
  CheckHeader(path);
  Database database = Database::OpenReadOnly(path);
  // A scan takes some steps a row, and a row some bytes.
  constexpr int64_t kSteps = 10'000'000;
  constexpr int64_t kStepsPerByte = 100;
  database.LimitSteps(kSteps);
  CheckSchema(database);
  for (const std::string& object : MissingIn(database)) AddEmpty(object, &database);
  database.LimitSteps(kSteps + kStepsPerByte * database.Size());
  return database;
}

}  // namespace pagesnap
