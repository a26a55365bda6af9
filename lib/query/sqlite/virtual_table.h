// Virtual tables in C++: what a table has to say, without SQLite's callbacks
// (sqlite.org/vtab.html).
#ifndef LIB_QUERY_SQLITE_VIRTUAL_TABLE_H_
#define LIB_QUERY_SQLITE_VIRTUAL_TABLE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/work_limit.h"
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

struct TableColumn {
  const char* name;
  const char* type;  // INTEGER or TEXT; "INTEGER HIDDEN" for an argument
  PushDown push_down = PushDown::kNone;
  Key key = Key::kNone;
};

// A constraint that SQLite handed down: column OP value.
struct TableConstraint {
  int column;
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
  virtual void SetColumnsUsed(uint32_t columns) { static_cast<void>(columns); }
  // Starts the scan of the rows that satisfy at least some of the constraints, and goes to the
  // first. Rows that do not satisfy them are allowed, but for columns of PushDown::kExact: SQLite
  // checks again.
  virtual void Filter(const std::vector<TableConstraint>& constraints) = 0;
  virtual void Next() = 0;
  [[nodiscard]] virtual bool AtEnd() const = 0;
  // Sets the result of `column` for the current row; without a call it is NULL.
  virtual void Column(sqlite3_context* context, int column) = 0;
};

// A read-only table that exists in every connection it is registered with.
class VirtualTable {
 public:
  virtual ~VirtualTable() = default;
  [[nodiscard]] virtual const char* name() const = 0;
  [[nodiscard]] virtual const std::vector<TableColumn>& columns() const = 0;
  // Returns how many rows a full scan has, about. May count when it is first asked.
  [[nodiscard]] virtual double row_count() const = 0;
  // Returns what a row costs, where one that SQLite reads from a table of its own costs 1.
  [[nodiscard]] virtual double row_cost() const { return 1; }
  // Returns how many of everything there is behind the rows.
  [[nodiscard]] virtual const ReaderSize& size() const = 0;
  // Returns the columns that rows ascend by in every scan, the first first.
  [[nodiscard]] virtual std::vector<int> order() const = 0;
  [[nodiscard]] virtual std::unique_ptr<TableCursor> Open() = 0;

  // What each call of SQLite works under; null: what the calling thread does.
  [[nodiscard]] WorkLimit* work() const { return work_; }
  void set_work(WorkLimit* work) { work_ = work; }

 private:
  WorkLimit* work_ = nullptr;
};

// Registers the table under its name. A call that SQLite makes ends with an error once the work is
// over that the table, or else the thread, has. The connection owns it from then on. Throws Error.
void RegisterTable(sqlite3* connection, std::unique_ptr<VirtualTable> table);

// Sets a result.
inline void Result(sqlite3_context* context, int64_t value) {
  sqlite3_result_int64(context, value);
}
inline void Result(sqlite3_context* context, std::string_view text) {
  sqlite3_result_text64(context, text.empty() ? "" : text.data(), text.size(), SQLITE_TRANSIENT,
                        SQLITE_UTF8);
}
// The same of a text that ends with NUL and has no other: much cheaper, as SQLite wants one when
// the result is read, and moves the text to make room for it.
inline void TextResult(sqlite3_context* context, const char* text) {
  sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}
// The same of a text that lasts as long as the program: it is not copied either.
inline void NameResult(sqlite3_context* context, const char* name) {
  sqlite3_result_text(context, name, -1, SQLITE_STATIC);
}
inline void Result(sqlite3_context* context, const std::optional<int64_t>& value) {
  if (value) sqlite3_result_int64(context, *value);
}

}  // namespace pagesnap

#endif  // LIB_QUERY_SQLITE_VIRTUAL_TABLE_H_
