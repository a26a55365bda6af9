// Values for SQLite.
#ifndef LIB_QUERY_SQLITE_OUT_H_
#define LIB_QUERY_SQLITE_OUT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "lib/query/sqlite/sqlite_api.h"

namespace pagesnap {

// Takes the value of a column of the current row, or of a function. Without a call it is NULL.
class Out {
 public:
  explicit Out(sqlite3_context* context) : context_(context) {}

  template <typename Integer>
  requires std::is_integral_v<Integer>
  void operator()(Integer value) const {
    sqlite3_result_int64(context_, static_cast<int64_t>(value));
  }
  template <typename Integer>
  void operator()(const std::optional<Integer>& value) const {
    if (value) (*this)(*value);
  }
  void operator()(std::string_view text) const {
    sqlite3_result_text64(context_, text.empty() ? "" : text.data(), text.size(), SQLITE_TRANSIENT,
                          SQLITE_UTF8);
  }
  // A text that ends with NUL and has no other: much cheaper, as SQLite wants one when the result
  // is read, and moves the text to make room for it.
  void Text(const char* text) const { sqlite3_result_text(context_, text, -1, SQLITE_TRANSIENT); }
  // The same of a text that lasts as long as the program: it is not copied either.
  void Name(const char* name) const { sqlite3_result_text(context_, name, -1, SQLITE_STATIC); }
  void Blob(std::span<const uint8_t> bytes) const {
    sqlite3_result_blob64(context_, bytes.empty() ? "" : static_cast<const void*>(bytes.data()),
                          bytes.size(), SQLITE_TRANSIENT);
  }

 private:
  sqlite3_context* context_;
};

}  // namespace pagesnap

#endif  // LIB_QUERY_SQLITE_OUT_H_
