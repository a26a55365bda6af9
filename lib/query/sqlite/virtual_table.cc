#include "lib/query/sqlite/virtual_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <new>
#include <optional>
#include <string>

#include "lib/base/error.h"
#include "lib/base/work_limit.h"
#include "lib/query/sqlite/table_module.h"
#include "lib/query/sqlite/table_plan.h"

namespace pagesnap {
namespace {

struct TableHandle : sqlite3_vtab {
  TableModule* module;  // owned by SQLite
};

struct CursorHandle : sqlite3_vtab_cursor {
  std::unique_ptr<TableCursor> cursor;
  int64_t row = 0;
};

const TableModule& ModuleOf(sqlite3_vtab* handle) {
  return *static_cast<TableHandle*>(handle)->module;
}
CursorHandle& HandleOf(sqlite3_vtab_cursor* handle) { return *static_cast<CursorHandle*>(handle); }

// Rows between two looks at the clock: a row of pages takes some 20 ns, and those that take long
// look for themselves. In a connection of our own SQLite looks, between its steps.
constexpr uint64_t kRowsPerLook = 256;

// The guard around every callback: no exception crosses SQLite.
template <typename Body>
int Catch(sqlite3_vtab* handle, const Body& body) {
  try {
    body();
    return SQLITE_OK;
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  } catch (const std::exception& error) {
    sqlite3_free(handle->zErrMsg);
    handle->zErrMsg = sqlite3_mprintf("%s", error.what());
    return SQLITE_ERROR;
  }
}

// The same under the table's own limit of work.
template <typename Body>
int Guard(sqlite3_vtab* handle, const Body& body) {
  std::optional<WorkScope> scope;
  if (WorkLimit* const work = ModuleOf(handle).work()) scope.emplace(work);
  return Catch(handle, body);
}

// The guard around what is called for each row. Only the extension's tables have a limit of their
// own: the others do not even ask.
template <bool kLimited, typename Body>
int GuardRow(sqlite3_vtab* handle, const Body& body) {
  return kLimited ? Guard(handle, body) : Catch(handle, body);
}

std::string Declaration(const TableModule& table) {
  std::string sql = "CREATE TABLE x(";
  for (const TableColumn& column : table.columns()) {
    if (sql.back() != '(') sql += ',';
    sql += fmt::format("\"{}\" {}", column.name, column.type);
  }
  return sql + ")";
}

int Connect(sqlite3* connection, void* module, int, const char* const*, sqlite3_vtab** out,
            char** message) {
  try {
    auto handle = std::make_unique<TableHandle>();
    handle->module = static_cast<TableModule*>(module);
    int result = sqlite3_declare_vtab(connection, Declaration(*handle->module).c_str());
    if (result != SQLITE_OK) return result;
    // Reads nothing but the snapshot: harmless in views of any origin.
    sqlite3_vtab_config(connection, SQLITE_VTAB_INNOCUOUS);
    *out = handle.release();
    return SQLITE_OK;
  } catch (const std::exception& error) {
    *message = sqlite3_mprintf("%s", error.what());
    return SQLITE_ERROR;
  }
}

int Disconnect(sqlite3_vtab* handle) {
  delete static_cast<TableHandle*>(handle);
  return SQLITE_OK;
}

int BestIndex(sqlite3_vtab* handle, sqlite3_index_info* info) {
  bool is_possible = true;
  const int result = Guard(handle, [&] { is_possible = PlanTable(ModuleOf(handle), info); });
  return is_possible ? result : SQLITE_CONSTRAINT;
}

int OpenCursor(sqlite3_vtab* handle, sqlite3_vtab_cursor** out) {
  return Guard(handle, [&] {
    auto cursor = std::make_unique<CursorHandle>();
    cursor->cursor = ModuleOf(handle).table().open();
    *out = cursor.release();
  });
}

int CloseCursor(sqlite3_vtab_cursor* handle) {
  delete &HandleOf(handle);
  return SQLITE_OK;
}

int FilterRows(sqlite3_vtab_cursor* handle, int, const char* plan, int count,
               sqlite3_value** values) {
  return Guard(handle->pVtab, [&] {
    if (plan == nullptr) throw std::bad_alloc();  // SQLite could not copy it
    char* constraints_of_plan = nullptr;
    const uint64_t columns = std::strtoull(plan, &constraints_of_plan, 10);
    const std::vector<TableConstraint> constraints =
        ReadPlan(ModuleOf(handle->pVtab), constraints_of_plan, count, values);
    HandleOf(handle).row = 0;
    HandleOf(handle).cursor->SetColumnsUsed(columns);
    HandleOf(handle).cursor->Filter(constraints);
  });
}

template <bool kLimited>
int NextRow(sqlite3_vtab_cursor* handle) {
  return GuardRow<kLimited>(handle->pVtab, [&] {
    const auto row = static_cast<uint64_t>(++HandleOf(handle).row);
    if (kLimited && row % kRowsPerLook == 0) CheckWork();
    HandleOf(handle).cursor->Next();
  });
}

int AtEnd(sqlite3_vtab_cursor* handle) { return HandleOf(handle).cursor->AtEnd(); }

template <bool kLimited>
int ColumnValue(sqlite3_vtab_cursor* handle, sqlite3_context* context, int column) {
  return GuardRow<kLimited>(handle->pVtab,
                            [&] { HandleOf(handle).cursor->Column(Out(context), column); });
}

int RowId(sqlite3_vtab_cursor* handle, sqlite3_int64* row) {
  *row = HandleOf(handle).row;
  return SQLITE_OK;
}

template <bool kLimited>
sqlite3_module MakeModule() {
  sqlite3_module module = {};
  module.iVersion = 2;
  // No xCreate: the table exists in every connection, and CREATE VIRTUAL TABLE is not needed.
  module.xConnect = Connect;
  module.xBestIndex = BestIndex;
  module.xDisconnect = Disconnect;
  module.xOpen = OpenCursor;
  module.xClose = CloseCursor;
  module.xFilter = FilterRows;
  module.xNext = NextRow<kLimited>;
  module.xEof = AtEnd;
  module.xColumn = ColumnValue<kLimited>;
  module.xRowid = RowId;
  return module;
}

// Returns the same for a table that CREATE VIRTUAL TABLE makes.
sqlite3_module Creatable(sqlite3_module module) {
  module.xCreate = Connect;
  module.xDestroy = Disconnect;
  return module;
}

}  // namespace

void TableRegistry::Register(VirtualTable table, const sqlite3_module& module) const {
  const std::string name = table.name;
  auto made = std::make_unique<TableModule>(std::move(table), reader_, work_);
  // On failure SQLite calls the destructor as well.
  const int result =
      sqlite3_create_module_v2(connection_, name.c_str(), &module, made.release(),
                               [](void* owned) { delete static_cast<TableModule*>(owned); });
  if (result != SQLITE_OK) throw Error(sqlite3_errmsg(connection_));
}

void TableRegistry::Add(VirtualTable table) const {
  static const sqlite3_module kModule = MakeModule</*kLimited=*/false>();
  static const sqlite3_module kLimitedModule = MakeModule</*kLimited=*/true>();
  Register(std::move(table), work_ != nullptr ? kLimitedModule : kModule);
}

void TableRegistry::AddHiding(VirtualTable table) const {
  // A table is looked for in the temporary database first, and only there after it was created.
  static const sqlite3_module kModule = Creatable(MakeModule</*kLimited=*/false>());
  static const sqlite3_module kLimitedModule = Creatable(MakeModule</*kLimited=*/true>());
  const std::string create = fmt::format("CREATE VIRTUAL TABLE temp.{0} USING {0}", table.name);
  Register(std::move(table), work_ != nullptr ? kLimitedModule : kModule);
  if (sqlite3_exec(connection_, create.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw Error(sqlite3_errmsg(connection_));
  }
}

}  // namespace pagesnap
