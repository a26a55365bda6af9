// SQLite in C++: a connection and a prepared statement that clean up after themselves and throw.
#ifndef LIB_STORE_SQLITE_SQLITE_H_
#define LIB_STORE_SQLITE_SQLITE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"

struct sqlite3;
struct sqlite3_stmt;

namespace pagesnap {

class SpaceLimit;

// Settings of the library that make it faster, and count its memory (lib/base/memory_budget.h): to
// be called before it is used first, and without effect later, as in a program that loads us.
void ConfigureSqlite();

// A connection. Not for two threads at once.
class Database {
 public:
  // Creates a database in an open, empty, writable file that may have no name (O_TMPFILE, memfd).
  // It is written without a journal: the file is whole after Close(), and worthless if that is not
  // reached. `fd` is borrowed and must stay open; `label` names the file in messages. The file
  // grows only as far as `limit` allows (borrowed; null: as far as the disk does): beyond that a
  // statement throws Error.
  static Database CreateIn(int fd, const std::string& label, SpaceLimit* limit = nullptr);

  // Creates a database that is as fast as SQLite gets without a journal, for scratch work in a file
  // that does not exist yet. Throws Error.
  static Database CreateFile(const std::string& path);

  // Opens an existing file for reading only, as one that nobody changes and that anybody may have
  // made: defensive, with an untrusted schema, and with limits on what SQL may ask for. Its
  // statements end with the work of their thread (lib/base/work_limit.h). Throws Error.
  static Database OpenReadOnly(const std::string& path);

  // Opens an empty database in memory with the same limits. `label` names it in messages.
  static Database OpenMemory(const std::string& label);

  // Makes a statement fail that reads or makes a text, a blob or a row of more than `bytes`.
  // Returns the limit that was in force before.
  int LimitLength(int bytes) const;
  // Returns the size of the main database in bytes, as its header says it.
  [[nodiscard]] int64_t Size() const;

  // Runs one or more statements that return nothing. Throws Error.
  void Execute(const std::string& sql);

  // Closes the connection, so that everything is in the file. Throws Error, as when the disk is
  // full. Without it the destructor closes and ignores errors.
  void Close();

  [[nodiscard]] sqlite3* handle() const { return connection_.get(); }
  [[nodiscard]] const std::string& label() const { return label_; }

  // Throws Error with the connection's last message, in words that fit the file; LimitError when
  // memory or the thread's work came to its limit.
  [[noreturn]] void ThrowLastError() const;

 private:
  friend class Statement;
  struct Closer {
    void operator()(sqlite3* connection) const;
  };
  template <typename Open>
  Database(std::string label, const Open& open);
  void Harden();

  std::unique_ptr<sqlite3, Closer> connection_;
  std::string label_;
  const SpaceLimit* space_limit_ = nullptr;
};

enum class ValueType : uint8_t { kNull, kInteger, kReal, kText };  // a blob is taken for text

// What a column of a row has.
struct Value {
  ValueType type = ValueType::kNull;
  int64_t integer = 0;    // of kInteger
  double real = 0;        // of kReal
  std::string_view text;  // of kText, and of kReal as SQLite writes it
};

// A prepared statement. The Database must outlive it.
class Statement {
 public:
  // Prepares the first statement of `sql`. Throws Error.
  Statement(const Database& database, std::string_view sql);

  // Binds parameter `index` (from 1). Text and blobs are copied. Throws Error.
  void Bind(int index, int64_t value);
  void Bind(int index, std::string_view text);
  void Bind(int index, ByteSpan blob);
  void Bind(int index, std::nullopt_t);
  template <typename T>
  void Bind(int index, const std::optional<T>& value) {
    if (value) {
      Bind(index, *value);
    } else {
      Bind(index, std::nullopt);
    }
  }

  // Binds the parameter with this name (":pid"); a name that the statement has not is ignored.
  void BindName(const std::string& name, int64_t value);
  void BindName(const std::string& name, std::string_view text);

  // Binds all parameters in order, runs the statement to its end and resets it.
  template <typename... Values>
  void Run(const Values&... values) {
    int index = 0;
    copies_ = false;  // the values outlive this call
    (Bind(++index, values), ...);
    copies_ = true;
    while (Step()) {
    }
    Reset();
  }

  // Goes to the next row; false behind the last one. Throws Error.
  bool Step();
  // Makes the statement ready for another run; the bindings stay.
  void Reset();

  // Columns of the current row (from 0). Text and blobs are valid until the next Step().
  [[nodiscard]] std::vector<std::string> ColumnNames() const;
  void ReadRow(std::vector<Value>* row) const;  // all, of any type
  [[nodiscard]] bool IsNull(int column) const;
  [[nodiscard]] bool IsInteger(int column) const;
  [[nodiscard]] bool IsNumber(int column) const;  // integer or real
  // Returns an integer, 0 for NULL. Throws Error for anything else: STRICT only binds who writes
  // with SQLite, and a text of megabytes must not pass for a number.
  [[nodiscard]] int64_t Int(int column) const;
  [[nodiscard]] double Real(int column) const;
  [[nodiscard]] bool IsText(int column) const;
  [[nodiscard]] std::string_view Text(int column) const;
  [[nodiscard]] ByteSpan Blob(int column) const;

  [[nodiscard]] sqlite3_stmt* handle() const { return statement_.get(); }

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };
  void Check(int result) const;
  [[noreturn]] void ThrowWrongType(int column) const;

  const Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
  bool copies_ = true;  // text and blobs that are bound
};

// Returns "INSERT INTO table (columns) VALUES (?,...)". Columns are always named, so that a table
// may get more of them.
std::string InsertSql(std::string_view table, std::string_view columns);

}  // namespace pagesnap

#endif  // LIB_STORE_SQLITE_SQLITE_H_
