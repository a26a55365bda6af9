// The loadable extension pagesnap.so: the tables and views in anybody's SQLite, on the snapshot
// that is open there as its main database.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/memory_budget.h"
#include "lib/base/work_limit.h"
#include "lib/query/register.h"
#include "lib/query/sqlite/sqlite_api.h"
#include "lib/query/sqlite/virtual_table.h"
#include "lib/store/schema.h"

namespace pagesnap {
namespace {

// What the tables of one connection read through. The file is opened a second time, as one that
// nobody changes: the host's connection is busy while a table is asked, and its SQLite may be
// another than the one that this library is linked with.
struct Attachment {
  explicit Attachment(const std::string& path)
      : work(WorkLimit::Clock::kThread, WorkLimitFor(FileBytes(path)), path),
        memory(FileBytes(path)),
        file(OpenSnapshotFile(path)),
        reader(file),
        cache(reader) {}

  // Of each call to a table: how long a whole query may run is the host's to decide, which can
  // interrupt it.
  WorkLimit work;
  MemoryAllowance memory;
  Database file;
  SnapshotReader reader;
  AnalysisCache cache;
};

void DeleteAttachment(void* attachment) { delete static_cast<Attachment*>(attachment); }

// pagesnap_file() -> the path of the file behind the tables. Owns them, too: SQLite deletes it when
// the connection closes.
void FileName(sqlite3_context* context, int, sqlite3_value**) {
  const auto* attachment = static_cast<const Attachment*>(sqlite3_user_data(context));
  const Out out(context);
  out(std::string_view(attachment->file.label()));
}

// pagesnap_no_limit() -> NULL: lifts the limit of CPU time, for a file that one trusts.
void LiftLimit(sqlite3_context* context, int, sqlite3_value**) {
  static_cast<Attachment*>(sqlite3_user_data(context))->work.Lift();
}

// Returns whether the host called sqlite3_interrupt(). sqlite3_is_interrupted() is new in 3.41, but
// every version prepares no statement then (sqlite3RunParser() in tokenize.c).
bool IsInterrupted(sqlite3* connection) {
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v2(connection, "SELECT 1", -1, &statement, nullptr);
  sqlite3_finalize(statement);
  return result == SQLITE_INTERRUPT;
}

void Attach(sqlite3* connection) {
  const char* path = sqlite3_db_filename(connection, "main");
  if (path == nullptr || *path == '\0') {
    throw Error("pagesnap: open a .pagesnap file first, and load this afterwards");
  }
  WorkLimit opening(WorkLimit::Clock::kThread, WorkLimitFor(FileBytes(path)), path);
  const WorkScope scope(&opening);
  auto attachment = std::make_unique<Attachment>(path);
  Attachment& borrowed = *attachment;
  borrowed.work.EndWhen([connection] { return IsInterrupted(connection); });
  // Also on failure SQLite calls the destructor.
  if (sqlite3_create_function_v2(connection, "pagesnap_file", 0, SQLITE_UTF8, attachment.release(),
                                 FileName, nullptr, nullptr, DeleteAttachment) != SQLITE_OK) {
    throw Error(sqlite3_errmsg(connection));
  }
  if (sqlite3_create_function_v2(connection, "pagesnap_no_limit", 0, SQLITE_UTF8, &borrowed,
                                 LiftLimit, nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw Error(sqlite3_errmsg(connection));
  }
  const std::string additions = AdditionsSql(FormatVersionOf(borrowed.file));
  if (sqlite3_exec(connection, additions.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw Error(sqlite3_errmsg(connection));
  }
  RegisterAll(connection, borrowed.cache, &borrowed.work);
}

}  // namespace
}  // namespace pagesnap

// The entry point that SQLite looks for in pagesnap.so.
extern "C" __attribute__((visibility("default"))) int sqlite3_pagesnap_init(
    sqlite3* connection, char** message, const sqlite3_api_routines* api) {
  SQLITE_EXTENSION_INIT2(api);
  try {
    pagesnap::Attach(connection);
    return SQLITE_OK;
  } catch (const std::exception& error) {
    *message = sqlite3_mprintf("%s", error.what());
    return SQLITE_ERROR;
  }
}
