#include "lib/store/sqlite/statement.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

// Each call that takes a column checks and locks; those that take a value do not.
Value ValueAt(sqlite3_stmt* statement, int column) {
  sqlite3_value* value = sqlite3_column_value(statement, column);
  auto text = [&]() -> std::string_view {
    const unsigned char* start = sqlite3_value_text(value);
    if (start == nullptr) return {};
    return {reinterpret_cast<const char*>(start), static_cast<size_t>(sqlite3_value_bytes(value))};
  };
  switch (sqlite3_value_type(value)) {
    case SQLITE_NULL:
      return {};
    case SQLITE_INTEGER:
      return {.type = ValueType::kInteger, .integer = sqlite3_value_int64(value), .text = {}};
    case SQLITE_FLOAT: {
      const double real = sqlite3_value_double(value);
      return {.type = ValueType::kReal, .real = real, .text = text()};
    }
    default:
      return {.type = ValueType::kText, .text = text()};
  }
}

}  // namespace

void Statement::Finalizer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement::Statement(const Database& database, std::string_view sql) : database_(&database) {
  sqlite3_stmt* statement = nullptr;
  Check(sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
  statement_.reset(statement);
}

void Statement::Check(int result) const {
  if (result != SQLITE_OK) database_->ThrowLastError();
}

void Statement::Bind(int index, int64_t value) {
  Check(sqlite3_bind_int64(handle(), index, value));
}

void Statement::Bind(int index, std::string_view text) {
  // A null pointer would bind NULL; an empty view may have one.
  Check(sqlite3_bind_text64(handle(), index, text.empty() ? "" : text.data(), text.size(),
                            copies_ ? SQLITE_TRANSIENT : SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::Bind(int index, ByteSpan blob) {
  Check(sqlite3_bind_blob64(handle(), index,
                            blob.empty() ? reinterpret_cast<const uint8_t*>("") : blob.data(),
                            blob.size(), copies_ ? SQLITE_TRANSIENT : SQLITE_STATIC));
}

void Statement::Bind(int index, std::nullopt_t) { Check(sqlite3_bind_null(handle(), index)); }

void Statement::BindValue(int index, const Value& value) {
  switch (value.type) {
    case ValueType::kNull:
      return Bind(index, std::nullopt);
    case ValueType::kInteger:
      return Bind(index, value.integer);
    case ValueType::kReal:
      return Check(sqlite3_bind_double(handle(), index, value.real));
    case ValueType::kText:
      return Bind(index, value.text);
  }
}

bool Statement::Step() {
  int result = sqlite3_step(handle());
  if (result == SQLITE_ROW) return true;
  if (result != SQLITE_DONE) database_->ThrowLastError();
  return false;
}

void Statement::Reset() { sqlite3_reset(handle()); }

void Statement::BindName(const std::string& name, int64_t value) {
  if (int index = sqlite3_bind_parameter_index(handle(), name.c_str()); index > 0) {
    Bind(index, value);
  }
}

void Statement::BindName(const std::string& name, std::string_view text) {
  if (int index = sqlite3_bind_parameter_index(handle(), name.c_str()); index > 0) {
    Bind(index, text);
  }
}

std::vector<std::string> Statement::ColumnNames() const {
  std::vector<std::string> names;
  for (int i = 0; i < sqlite3_column_count(handle()); ++i) {
    names.emplace_back(sqlite3_column_name(handle(), i));
  }
  return names;
}

void Statement::ReadRow(std::vector<Value>* row) const {
  row->resize(static_cast<size_t>(sqlite3_data_count(handle())));
  for (size_t i = 0; i < row->size(); ++i) (*row)[i] = ValueAt(handle(), static_cast<int>(i));
}

bool Statement::IsInteger(int column) const {
  return sqlite3_column_type(handle(), column) == SQLITE_INTEGER;
}

bool Statement::IsNumber(int column) const {
  return IsInteger(column) || sqlite3_column_type(handle(), column) == SQLITE_FLOAT;
}

bool Statement::IsText(int column) const {
  return sqlite3_column_type(handle(), column) == SQLITE_TEXT;
}

double Statement::Real(int column) const { return sqlite3_column_double(handle(), column); }

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(handle(), column) == SQLITE_NULL;
}

int64_t Statement::Int(int column) const {
  sqlite3_value* value = sqlite3_column_value(handle(), column);
  const int type = sqlite3_value_type(value);
  if (type != SQLITE_INTEGER && type != SQLITE_NULL) ThrowWrongType(column);
  return sqlite3_value_int64(value);
}

void Statement::ThrowWrongType(int column) const {
  throw Error(
      fmt::format("{} is damaged: there is no integer in a column {}, which has to have one",
                  database_->label(), sqlite3_column_name(handle(), column)));
}

std::string_view Statement::Text(int column) const {
  const unsigned char* text = sqlite3_column_text(handle(), column);
  if (text == nullptr) return {};
  return {reinterpret_cast<const char*>(text),
          static_cast<size_t>(sqlite3_column_bytes(handle(), column))};
}

ByteSpan Statement::Blob(int column) const {
  const void* blob = sqlite3_column_blob(handle(), column);
  if (blob == nullptr) return {};
  return {static_cast<const uint8_t*>(blob),
          static_cast<size_t>(sqlite3_column_bytes(handle(), column))};
}

std::string InsertSql(std::string_view table, std::string_view columns) {
  std::string parameters = "?";
  for (const char c : columns) {
    if (c == ',') parameters += ",?";
  }
  return fmt::format("INSERT INTO {} ({}) VALUES ({})", table, columns, parameters);
}

}  // namespace pagesnap
