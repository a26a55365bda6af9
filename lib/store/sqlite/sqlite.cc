#include "lib/store/sqlite/sqlite.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sqlite3.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

#include "lib/base/error.h"
#include "lib/base/memory_budget.h"
#include "lib/base/number.h"
#include "lib/base/work_limit.h"
#include "lib/store/output/space_limit.h"
#include "lib/store/sqlite/block_vfs.h"

namespace pagesnap {
namespace {

// How many operations of SQLite's virtual machine there are between two looks at the clock. A
// single one can go through a text of megabytes.
constexpr int kStepsPerLook = 1000;
constexpr char kDescriptorFolder[] = "/proc/self/fd/";

// Takes the name as it is. SQLite's own resolves symbolic links, and the link of a file without a
// name, /proc/self/fd/N, resolves to a path that does not exist.
int KeepName(sqlite3_vfs*, const char* name, int size, char* out) {
  if (std::strlen(name) >= static_cast<size_t>(size)) return SQLITE_CANTOPEN;
  std::strcpy(out, name);
  return SQLITE_OK;
}

// Opens as open(2) does, but duplicates our own descriptors: SQLite always sets O_NOFOLLOW
// (os_unix.c, unixOpen), and /proc need not be mounted.
int OpenOrDuplicate(const char* path, int flags, int mode) {
  constexpr std::string_view kFolder = kDescriptorFolder;
  if (std::string_view(path).starts_with(kFolder)) {
    const std::optional<uint64_t> fd = ParseUnsigned(path + kFolder.size());
    if (fd && *fd <= INT32_MAX) return fcntl(static_cast<int>(*fd), F_DUPFD_CLOEXEC, 0);
  }
  return open(path, flags, mode);
}

// Returns one of SQLite's own, whatever is the default by now.
const sqlite3_vfs& FindVfs(const char* name) {
  const sqlite3_vfs* const found = sqlite3_vfs_find(name);
  if (found == nullptr) throw Error("the SQLite library of this machine has no VFS for Unix");
  return *found;
}

const sqlite3_vfs& OwnVfs() {
  static const sqlite3_vfs& own = FindVfs("unix");
  return own;
}

sqlite3_vfs MakeDescriptorVfs() {
  static const sqlite3_vfs kBase = [] {
    // Without file locks, which a file system may not have, as NFS without its lock service:
    // nobody else can see the file.
    sqlite3_vfs copy = FindVfs("unix-none");
    copy.xSetSystemCall(&copy, "open", reinterpret_cast<sqlite3_syscall_ptr>(OpenOrDuplicate));
    copy.xFullPathname = KeepName;
    return copy;
  }();
  return MakeBlockVfs(kBase, "pagesnap-descriptor");
}

// Opens with a VFS that only has a name for as long as this takes: as a part of the loadable
// extension we may be gone before the SQLite library is. Its name is asked for by no one later.
int OpenWith(sqlite3_vfs* vfs, const char* name, int flags, sqlite3** connection) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  sqlite3_vfs_register(vfs, /*makeDflt=*/0);
  const int result = sqlite3_open_v2(name, connection, flags, vfs->zName);
  sqlite3_vfs_unregister(vfs);
  return result;
}

// Returns what opens a database with SQLite's own VFS, for Database's constructor.
auto OpenWritable(const char* name) {
  return [name](sqlite3** connection) {
    return sqlite3_open_v2(name, connection,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                           nullptr);
  };
}

// Returns the SQLite URI of a file (sqlite.org/uri.html). What follows "//" there is the name of a
// machine, up to the next "/"; and a file that is called ":memory:" is one only with a folder.
std::string UriOf(const std::string& path) {
  std::string uri = path.starts_with('/') ? "file://" : "file:./";
  for (char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  return uri;
}

// SQLite's allocator (sqlite.org/c3ref/mem_methods.html), which is malloc(3) by default, too.
void* Allocate(int size) {
  void* memory = std::malloc(static_cast<size_t>(size));
  if (memory != nullptr && !TakeMemory(malloc_usable_size(memory))) {
    std::free(memory);
    return nullptr;
  }
  return memory;
}

void Free(void* memory) {
  if (memory == nullptr) return;
  GiveMemory(malloc_usable_size(memory));
  std::free(memory);
}

void* Reallocate(void* memory, int size) {
  const size_t before = malloc_usable_size(memory);
  const auto wanted = static_cast<size_t>(size);
  const size_t more = wanted > before ? wanted - before : 0;
  if (!TakeMemory(more)) return nullptr;
  void* moved = std::realloc(memory, wanted);
  GiveMemory(more);
  if (moved == nullptr) return nullptr;
  // The limit was asked; what malloc adds to the size is counted in any case.
  GiveMemory(before);
  if (!TakeMemory(malloc_usable_size(moved))) GiveMemory(0 - malloc_usable_size(moved));
  return moved;
}

int SizeOf(void* memory) { return static_cast<int>(malloc_usable_size(memory)); }
int RoundUp(int size) { return (size + 7) / 8 * 8; }
int Start(void*) { return SQLITE_OK; }
void Stop(void*) {}

// Ends a statement whose thread has to end its work.
int IsWorkOver(void*) {
  WorkLimit* const limit = CurrentWork();
  return limit != nullptr && limit->IsOver();
}

}  // namespace

void ConfigureSqlite() {
  static const sqlite3_mem_methods kMemory = {Allocate, Free,  Reallocate, SizeOf,
                                              RoundUp,  Start, Stop,       nullptr};
  sqlite3_config(SQLITE_CONFIG_MALLOC, &kMemory);
  // SQLite's own count takes a lock at each allocation, and knows of no memory but its own.
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  // By default each table that a query makes begins with 20 pages, and touches them all.
  sqlite3_config(SQLITE_CONFIG_PAGECACHE, nullptr, 0, 0);
}

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
  static sqlite3_vfs vfs = MakeDescriptorVfs();
  const std::string name = fmt::format("{}{}", kDescriptorFolder, fd);
  Database database(label, [&](sqlite3** connection) {
    return OpenWith(&vfs, name.c_str(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, connection);
  });
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
  Database database(path, OpenWritable(path.c_str()));
  database.Execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
  return database;
}

Database Database::OpenReadOnly(const std::string& path) {
  static sqlite3_vfs vfs = MakeBlockVfs(OwnVfs(), "pagesnap-read");
  const std::string uri = UriOf(path) + "?immutable=1";
  Database database(path, [&](sqlite3** connection) {
    return OpenWith(&vfs, uri.c_str(), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                    connection);
  });
  database.Harden();
  return database;
}

Database Database::OpenMemory(const std::string& label) {
  Database database(label, OpenWritable(":memory:"));
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

void Statement::Finalizer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement::Statement(const Database& database, std::string_view sql) : database_(&database) {
  sqlite3_stmt* statement = nullptr;
  Check(sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
  statement_.reset(statement);
}

void Statement::Check(int result) const {
  if (result != SQLITE_OK) database_->ThrowLastError();
}

void Statement::Bind(int index, int64_t value) {
  Check(sqlite3_bind_int64(handle(), index, value));
}

void Statement::Bind(int index, std::string_view text) {
  // A null pointer would bind NULL; an empty view may have one.
  Check(sqlite3_bind_text64(handle(), index, text.empty() ? "" : text.data(), text.size(),
                            copies_ ? SQLITE_TRANSIENT : SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::Bind(int index, ByteSpan blob) {
  Check(sqlite3_bind_blob64(handle(), index,
                            blob.empty() ? reinterpret_cast<const uint8_t*>("") : blob.data(),
                            blob.size(), copies_ ? SQLITE_TRANSIENT : SQLITE_STATIC));
}

void Statement::Bind(int index, std::nullopt_t) { Check(sqlite3_bind_null(handle(), index)); }

bool Statement::Step() {
  int result = sqlite3_step(handle());
  if (result == SQLITE_ROW) return true;
  if (result != SQLITE_DONE) database_->ThrowLastError();
  return false;
}

void Statement::Reset() { sqlite3_reset(handle()); }

void Statement::BindName(const std::string& name, int64_t value) {
  if (int index = sqlite3_bind_parameter_index(handle(), name.c_str()); index > 0) {
    Bind(index, value);
  }
}

void Statement::BindName(const std::string& name, std::string_view text) {
  if (int index = sqlite3_bind_parameter_index(handle(), name.c_str()); index > 0) {
    Bind(index, text);
  }
}

std::vector<std::string> Statement::ColumnNames() const {
  std::vector<std::string> names;
  for (int i = 0; i < sqlite3_column_count(handle()); ++i) {
    names.emplace_back(sqlite3_column_name(handle(), i));
  }
  return names;
}

namespace {

// Each call that takes a column checks and locks; those that take a value do not.
Value ValueAt(sqlite3_stmt* statement, int column) {
  sqlite3_value* value = sqlite3_column_value(statement, column);
  auto text = [&]() -> std::string_view {
    const unsigned char* start = sqlite3_value_text(value);
    if (start == nullptr) return {};
    return {reinterpret_cast<const char*>(start), static_cast<size_t>(sqlite3_value_bytes(value))};
  };
  switch (sqlite3_value_type(value)) {
    case SQLITE_NULL:
      return {};
    case SQLITE_INTEGER:
      return {.type = ValueType::kInteger, .integer = sqlite3_value_int64(value), .text = {}};
    case SQLITE_FLOAT: {
      const double real = sqlite3_value_double(value);
      return {.type = ValueType::kReal, .real = real, .text = text()};
    }
    default:
      return {.type = ValueType::kText, .text = text()};
  }
}

}  // namespace

void Statement::ReadRow(std::vector<Value>* row) const {
  row->resize(static_cast<size_t>(sqlite3_data_count(handle())));
  for (size_t i = 0; i < row->size(); ++i) (*row)[i] = ValueAt(handle(), static_cast<int>(i));
}

bool Statement::IsInteger(int column) const {
  return sqlite3_column_type(handle(), column) == SQLITE_INTEGER;
}

bool Statement::IsNumber(int column) const {
  return IsInteger(column) || sqlite3_column_type(handle(), column) == SQLITE_FLOAT;
}

bool Statement::IsText(int column) const {
  return sqlite3_column_type(handle(), column) == SQLITE_TEXT;
}

double Statement::Real(int column) const { return sqlite3_column_double(handle(), column); }

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(handle(), column) == SQLITE_NULL;
}

int64_t Statement::Int(int column) const {
  sqlite3_value* value = sqlite3_column_value(handle(), column);
  const int type = sqlite3_value_type(value);
  if (type != SQLITE_INTEGER && type != SQLITE_NULL) ThrowWrongType(column);
  return sqlite3_value_int64(value);
}

void Statement::ThrowWrongType(int column) const {
  throw Error(
      fmt::format("{} is damaged: there is no integer in a column {}, which has to have one",
                  database_->label(), sqlite3_column_name(handle(), column)));
}

std::string_view Statement::Text(int column) const {
  const unsigned char* text = sqlite3_column_text(handle(), column);
  if (text == nullptr) return {};
  return {reinterpret_cast<const char*>(text),
          static_cast<size_t>(sqlite3_column_bytes(handle(), column))};
}

ByteSpan Statement::Blob(int column) const {
  const void* blob = sqlite3_column_blob(handle(), column);
  if (blob == nullptr) return {};
  return {static_cast<const uint8_t*>(blob),
          static_cast<size_t>(sqlite3_column_bytes(handle(), column))};
}

std::string InsertSql(std::string_view table, std::string_view columns) {
  std::string parameters = "?";
  for (const char c : columns) {
    if (c == ',') parameters += ",?";
  }
  return fmt::format("INSERT INTO {} ({}) VALUES ({})", table, columns, parameters);
}

}  // namespace pagesnap
