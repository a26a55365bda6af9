// Rows that lie in memory as a table of SQLite, so that one INSERT ... SELECT takes them all: it
// stays at the end of the table it fills, where a statement for each row looks for its place anew.
#ifndef LIB_STORE_SQLITE_ROW_TABLE_H_
#define LIB_STORE_SQLITE_ROW_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/store/sqlite/database.h"

struct sqlite3_context;

namespace pagesnap {

// What such a table is made of; made by AddRowTable().
struct RowTable {
  int column_count;
  std::function<size_t()> row_count;
  std::function<void(size_t row, int column, sqlite3_context* result)> give;
};

// Adds the table to the connection. Throws Error.
void AddRowTable(const Database& database, const std::string& name, RowTable table);

// Gives a value to SQLite, which reads text and blobs where they are.
void GiveValue(sqlite3_context* result, int64_t value);
void GiveValue(sqlite3_context* result, std::string_view text);
void GiveValue(sqlite3_context* result, ByteSpan blob);

// Adds a table with the columns c0, c1, ... of the rows that are in `rows` when it is read. `rows`
// is borrowed and must live as long as the connection reads the table. Each of `columns` is a
// member of Row, or a function of one. Throws Error.
template <typename Row, typename... Columns>
void AddRowTable(const Database& database, const std::string& name, const std::vector<Row>& rows,
                 Columns... columns) {
  auto give = [&rows, columns...](size_t row, int column, sqlite3_context* result) {
    int index = 0;
    static_cast<void>(
        ((index++ == column && (GiveValue(result, std::invoke(columns, rows[row])), true)) || ...));
  };
  AddRowTable(database, name,
              RowTable{.column_count = static_cast<int>(sizeof...(columns)),
                       .row_count = [&rows] { return rows.size(); },
                       .give = give});
}

}  // namespace pagesnap

#endif  // LIB_STORE_SQLITE_ROW_TABLE_H_
