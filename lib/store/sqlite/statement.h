// A prepared statement of SQLite that cleans up after itself and throws.
#ifndef LIB_STORE_SQLITE_STATEMENT_H_
#define LIB_STORE_SQLITE_STATEMENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/store/sqlite/database.h"

struct sqlite3_stmt;

namespace pagesnap {

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
  // Binds a value of its type.
  void BindValue(int index, const Value& value);
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

#endif  // LIB_STORE_SQLITE_STATEMENT_H_
