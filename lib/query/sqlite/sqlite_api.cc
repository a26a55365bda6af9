// Here sqlite3_open and the others are the linked library's own names, not the pointers.
#define SQLITE_CORE 1
#include <sqlite3ext.h>
#undef SQLITE_CORE

#include "lib/base/error.h"
#include "lib/query/sqlite/sqlite_api.h"
#include "lib/store/sqlite/sqlite_memory.h"

// What the macros of sqlite3ext.h call through, in the tools and in the extension.
extern const sqlite3_api_routines* sqlite3_api;
const sqlite3_api_routines* sqlite3_api = nullptr;

namespace pagesnap {
namespace {

int TakePointers(sqlite3*, char**, const sqlite3_api_routines* api) {
  sqlite3_api = api;
  return SQLITE_OK;
}

// SQLite hands its pointers to nobody but extensions. One that is in the program itself is called
// for each connection that opens while it is registered.
bool AskForPointers() {
  ConfigureSqlite();
  auto* entry = reinterpret_cast<void (*)()>(TakePointers);
  sqlite3_auto_extension(entry);
  sqlite3* connection = nullptr;
  sqlite3_open(":memory:", &connection);
  sqlite3_close(connection);
  sqlite3_cancel_auto_extension(entry);
  return sqlite3_api != nullptr;
}

}  // namespace

void UseLinkedSqlite() {
  static const bool given = AskForPointers();
  if (!given) throw Error("the SQLite library of this machine has no extensions, which are needed");
}

}  // namespace pagesnap
