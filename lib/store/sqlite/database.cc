#include "lib/store/sqlite/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <new>

#include "lib/base/error.h"
#include "lib/base/memory_budget.h"
#include "lib/base/work_limit.h"
#include "lib/store/output/space_limit.h"
#include "lib/store/sqlite/block_vfs.h"
#include "lib/store/sqlite/open_file.h"
#include "lib/store/sqlite/sqlite_memory.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {
namespace {

// How many operations of SQLite's virtual machine there are between two looks at the clock. A
// single one can go through a text of megabytes.
constexpr int kStepsPerLook = 1000;

// Ends a statement whose thread has to end its work.
int IsWorkOver(void*) {
  WorkLimit* const limit = CurrentWork();
  return limit != nullptr && limit->IsOver();
}

}  // namespace

void Database::Closer::operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }

// `open` is a function of the place for the connection, which SQLite fills in also when it fails.
template <typename Open>
Database::Database(std::string label, const Open& open) : label_(std::move(label)) {
  sqlite3* connection = nullptr;
  const int result = open(&connection);
  connection_.reset(connection);
  if (result != SQLITE_OK) ThrowLastError();
}

Database Database::CreateIn(int fd, const std::string& label, SpaceLimit* limit) {
  ConfigureSqlite();
  Database database(label, [&](sqlite3** connection) { return OpenDescriptor(fd, connection); });
  if (limit != nullptr) {
    sqlite3_file_control(database.handle(), "main", kSetSpaceLimit, limit);
    database.space_limit_ = limit;
  }
  // Nobody else can see the file, and a failed capture throws it away: no locks, no journal, no
  // syncs before the last. Small pages, because every blob wastes half a page on average, and few
  // of them in memory: rows are added at the end, and each page costs a page fault and its release.
  database.Execute(
      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
      "PRAGMA page_size = 1024; PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY");
  return database;
}

Database Database::CreateFile(const std::string& path) {
  Database database(path,
                    [&](sqlite3** connection) { return OpenWritable(path.c_str(), connection); });
  database.Execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
  return database;
}

Database Database::OpenReadOnly(const std::string& path, const std::string& label) {
  Database database(label.empty() ? path : label,
                    [&](sqlite3** connection) { return OpenImmutable(path, connection); });
  database.Harden();
  return database;
}

Database Database::OpenMemory(const std::string& label) {
  Database database(label,
                    [](sqlite3** connection) { return OpenWritable(":memory:", connection); });
  database.Harden();
  return database;
}

// As sqlite.org/security.html says for files from others, and the limits with room for our reports.
void Database::Harden() {
  sqlite3_db_config(handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle(), SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  static constexpr struct {
    int id;
    int value;
  } kLimits[] = {
      {SQLITE_LIMIT_LENGTH, 32 << 20},     {SQLITE_LIMIT_SQL_LENGTH, 1 << 20},
      {SQLITE_LIMIT_COLUMN, 200},          {SQLITE_LIMIT_EXPR_DEPTH, 500},
      {SQLITE_LIMIT_COMPOUND_SELECT, 100}, {SQLITE_LIMIT_VDBE_OP, 1 << 20},
      {SQLITE_LIMIT_ATTACHED, 0},          {SQLITE_LIMIT_VARIABLE_NUMBER, 1000},
      {SQLITE_LIMIT_TRIGGER_DEPTH, 1},     {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
  };
  for (const auto& limit : kLimits) sqlite3_limit(handle(), limit.id, limit.value);
  sqlite3_progress_handler(handle(), kStepsPerLook, IsWorkOver, nullptr);
  Execute("PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0");
}

int Database::LimitLength(int bytes) const {
  return sqlite3_limit(handle(), SQLITE_LIMIT_LENGTH, bytes);
}

int64_t Database::Size() const {
  Statement statement(*this,
                      "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
  return statement.Step() ? statement.Int(0) : 0;
}

void Database::Execute(const std::string& sql) {
  if (sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) ThrowLastError();
}

void Database::Close() {
  if (sqlite3_close(handle()) != SQLITE_OK) ThrowLastError();
  static_cast<void>(connection_.release());
}

void Database::ThrowLastError() const {
  const int last_errno = errno;
  int code = handle() != nullptr ? sqlite3_errcode(handle()) : SQLITE_NOMEM;
  std::string reason = handle() != nullptr ? sqlite3_errmsg(handle()) : "out of memory";
  CheckWork();
  switch (code) {
    case SQLITE_FULL:
      if (space_limit_ != nullptr && !space_limit_->problem().empty()) {
        throw Error(fmt::format("{}: {}", label_, space_limit_->problem()));
      }
      throw Error(
          fmt::format("{}: no space left to write it; free some, or write it elsewhere", label_));
    case SQLITE_NOMEM:
      // For a file that is being written, the limit of MemoryAllowance is not in force: main() says
      // that memory is short.
      if (handle() == nullptr || sqlite3_db_readonly(handle(), "main") == 0) throw std::bad_alloc();
      throw LimitError(MemoryMessage(label_));
    case SQLITE_NOTADB:
      throw Error(fmt::format("{} is not a pagesnap file: it is not an SQLite database", label_));
    case SQLITE_TOOBIG:
      throw Error(
          fmt::format("{} has a text or a blob of a size that no capture writes, or the "
                      "question makes one",
                      label_));
    case SQLITE_CORRUPT:
      throw Error(fmt::format("{} is damaged ({}); 'analyze check' says how far", label_, reason));
    case SQLITE_IOERR:
      // A COMMIT that fails does not keep the number (vdbe.c, OP_AutoCommit).
      if (int os_error = sqlite3_system_errno(handle()); os_error != 0 || last_errno != 0) {
        reason = WriteErrorText(os_error != 0 ? os_error : last_errno);
      }
      throw Error(fmt::format("{}: {}", label_, reason));
    default:
      // What one of our own virtual tables or functions says begins with the file already.
      if (reason.starts_with(label_)) throw Error(reason);
      throw Error(fmt::format("{}: {}", label_, reason));
  }
}

}  // namespace pagesnap
