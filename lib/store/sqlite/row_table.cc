#include "lib/store/sqlite/row_table.h"

#include <sqlite3.h>

#include <memory>
#include <new>
#include <utility>

namespace pagesnap {
namespace {

// SQLite's objects with ours behind them (https://www.sqlite.org/vtab.html).
struct VirtualTable : sqlite3_vtab {
  const RowTable* rows;
};
struct Cursor : sqlite3_vtab_cursor {
  const RowTable* rows;
  size_t row;
  size_t end;
};

Cursor* Of(sqlite3_vtab_cursor* cursor) { return static_cast<Cursor*>(cursor); }

// Runs a callback. An exception must not pass through SQLite, which would not free what it holds.
template <typename Callback>
int Guard(const Callback& callback) {
  try {
    return callback();
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  }
}

int Connect(sqlite3* connection, void* rows, int /*argc*/, const char* const* /*argv*/,
            sqlite3_vtab** table, char** /*message*/) {
  return Guard([&] {
    const auto* row_table = static_cast<const RowTable*>(rows);
    std::string columns;
    for (int i = 0; i < row_table->column_count; ++i) {
      columns += (i == 0 ? "c" : ", c") + std::to_string(i);
    }
    int result = sqlite3_declare_vtab(connection, ("CREATE TABLE rows (" + columns + ")").c_str());
    if (result != SQLITE_OK) return result;
    auto made = std::make_unique<VirtualTable>();
    made->rows = row_table;
    *table = made.release();
    return SQLITE_OK;
  });
}

int Disconnect(sqlite3_vtab* table) {
  delete static_cast<VirtualTable*>(table);
  return SQLITE_OK;
}

// All rows, in their order: there is one plan.
int BestIndex(sqlite3_vtab* /*table*/, sqlite3_index_info* /*plan*/) { return SQLITE_OK; }

int Open(sqlite3_vtab* table, sqlite3_vtab_cursor** cursor) {
  return Guard([&] {
    auto made = std::make_unique<Cursor>();
    made->rows = static_cast<VirtualTable*>(table)->rows;
    *cursor = made.release();
    return SQLITE_OK;
  });
}

int Close(sqlite3_vtab_cursor* cursor) {
  delete Of(cursor);
  return SQLITE_OK;
}

int Filter(sqlite3_vtab_cursor* cursor, int /*plan*/, const char* /*plan_name*/, int /*argc*/,
           sqlite3_value** /*argv*/) {
  Of(cursor)->row = 0;
  Of(cursor)->end = Of(cursor)->rows->row_count();
  return SQLITE_OK;
}

int Next(sqlite3_vtab_cursor* cursor) {
  ++Of(cursor)->row;
  return SQLITE_OK;
}

int AtEnd(sqlite3_vtab_cursor* cursor) { return Of(cursor)->row >= Of(cursor)->end ? 1 : 0; }

int Column(sqlite3_vtab_cursor* cursor, sqlite3_context* result, int column) {
  return Guard([&] {
    Of(cursor)->rows->give(Of(cursor)->row, column, result);
    return SQLITE_OK;
  });
}

int RowId(sqlite3_vtab_cursor* cursor, sqlite3_int64* id) {
  *id = static_cast<sqlite3_int64>(Of(cursor)->row);
  return SQLITE_OK;
}

sqlite3_module MakeModule() {
  sqlite3_module module = {};
  // Without xCreate the table is there under the module's name, and in no schema.
  module.xConnect = Connect;
  module.xBestIndex = BestIndex;
  module.xDisconnect = Disconnect;
  module.xOpen = Open;
  module.xClose = Close;
  module.xFilter = Filter;
  module.xNext = Next;
  module.xEof = AtEnd;
  module.xColumn = Column;
  module.xRowid = RowId;
  return module;
}

}  // namespace

void AddRowTable(const Database& database, const std::string& name, RowTable table) {
  static const sqlite3_module kModule = MakeModule();
  auto owned = std::make_unique<RowTable>(std::move(table));
  auto destroy = [](void* rows) { delete static_cast<RowTable*>(rows); };
  // SQLite destroys it also when this fails.
  if (sqlite3_create_module_v2(database.handle(), name.c_str(), &kModule, owned.release(),
                               destroy) != SQLITE_OK) {
    database.ThrowLastError();
  }
}

void GiveValue(sqlite3_context* result, int64_t value) { sqlite3_result_int64(result, value); }

void GiveValue(sqlite3_context* result, std::string_view text) {
  sqlite3_result_text64(result, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void GiveValue(sqlite3_context* result, ByteSpan blob) {
  sqlite3_result_blob64(result, blob.data(), blob.size(), SQLITE_STATIC);
}

}  // namespace pagesnap
