// Virtual tables in C++: what a table has to say, without SQLite's callbacks
// (sqlite.org/vtab.html).
#ifndef LIB_QUERY_SQLITE_VIRTUAL_TABLE_H_
#define LIB_QUERY_SQLITE_VIRTUAL_TABLE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/work_limit.h"
#include "lib/query/sqlite/out.h"
#include "lib/query/sqlite/sqlite_api.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// How a constraint on a column can be used while rows are made.
enum class PushDown {
  kNone,      // SQLite checks it afterwards
  kEqual,     // column = value
  kExact,     // the same, and SQLite need not check: no row has another value
  kRange,     // also <, <=, >, >=
  kText,      // column = text, column <> text
  kRequired,  // an argument of a table-valued function, which must be given
  kOptional   // an argument that may be left out
};

// What a column counts, for the planner: `column = value` leaves one part in as many as there are.
enum class Key { kNone, kSnapshot, kProcess, kMapping, kPage, kFrame };

// What a column holds, for the declaration in SQL.
inline constexpr const char* kInteger = "INTEGER";
inline constexpr const char* kText = "TEXT";
inline constexpr const char* kIntegerArgument = "INTEGER HIDDEN";  // of a table-valued function
inline constexpr const char* kTextArgument = "TEXT HIDDEN";

// What is known of a column without its rows. tests/query/sqlite/description_test.cc compares it
// with schema/README.md.
struct TableColumn {
  std::string name;
  std::string type;            // kInteger, kText, or an argument's
  std::string unit = "";       // of a number that is no id and no count
  std::string null_when = "";  // "": never NULL
  PushDown push_down = PushDown::kNone;
  Key key = Key::kNone;
};

// A constraint that SQLite handed down: column OP value.
struct TableConstraint {
  int column;
  std::string_view name;            // of the column
  unsigned char op;                 // SQLITE_INDEX_CONSTRAINT_EQ, _GT, _LE, _LT, _GE, _NE
  std::optional<int64_t> value;     // empty: not an integer; no column of integers has it
  std::optional<std::string> text;  // empty: not a text
};

// A scan. May throw Error anywhere; the message becomes SQLite's.
class TableCursor {
 public:
  virtual ~TableCursor() = default;
  // Says before Filter() which columns the query reads: bit i for column i, the last bit for that
  // column and all behind it. What is not in it need not be computed.
  virtual void SetColumnsUsed(uint64_t columns) { static_cast<void>(columns); }
  // Starts the scan of the rows that satisfy at least some of the constraints, and goes to the
  // first. Rows that do not satisfy them are allowed, but for columns of PushDown::kExact: SQLite
  // checks again.
  virtual void Filter(const std::vector<TableConstraint>& constraints) = 0;
  virtual void Next() = 0;
  [[nodiscard]] virtual bool AtEnd() const = 0;
  // Hands out `column` of the current row.
  virtual void Column(Out out, int column) = 0;
};

// A column of the rows that a Cursor goes over, and how to get it.
template <typename Cursor>
struct CursorColumn : TableColumn {
  void (*get)(Cursor& cursor, Out out);
};

template <typename Cursor>
std::vector<TableColumn> Describe(const std::vector<CursorColumn<Cursor>>& columns) {
  return {columns.begin(), columns.end()};
}

// A table whose rows a cursor finds in a snapshot. It can be read in every connection that it is
// registered with.
struct VirtualTable {
  using Estimate = std::function<double(const ReaderSize& size)>;

  std::string name;
  std::vector<TableColumn> columns;
  // The columns that rows ascend by in every scan, the first first.
  std::vector<std::string> order = {};
  // Returns how many rows a full scan has, about. May count when it is first asked.
  Estimate row_count;
  // Returns what a row costs, where one that SQLite reads from a table of its own costs 1.
  Estimate row_cost = [](const ReaderSize&) { return 1.0; };
  std::function<std::unique_ptr<TableCursor>()> open;
};

// Takes tables, one by one.
using AddTable = std::function<void(VirtualTable table)>;

// Registers tables with a connection.
class TableRegistry {
 public:
  // All are borrowed and must outlive the connection. A call that SQLite makes ends with an error
  // once `work` is over; null: the work of the thread that calls.
  TableRegistry(sqlite3* connection, SnapshotReader& reader, WorkLimit* work)
      : connection_(connection), reader_(reader), work_(work) {}

  // Registers the table under its name. Throws Error.
  void Add(VirtualTable table) const;
  // The same for a table that hides one of this name in the main database. Throws Error.
  void AddHiding(VirtualTable table) const;

 private:
  void Register(VirtualTable table, const sqlite3_module& module) const;

  sqlite3* connection_;
  SnapshotReader& reader_;
  WorkLimit* work_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SQLITE_VIRTUAL_TABLE_H_
