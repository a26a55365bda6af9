// What makes an SQLite file a pagesnap file.
#ifndef LIB_STORE_SCHEMA_H_
#define LIB_STORE_SCHEMA_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/store/sqlite.h"

namespace pagesnap {

inline constexpr int64_t kApplicationId = 0x70677370;  // "pgsp", in the SQLite header
inline constexpr int64_t kFormatVersion = 2;           // user_version

// Returns schema/tables.sql.
std::string_view TablesSql();

// Writes the marks and the tables into a new database.
void CreateSchema(Database& database);

// Throws Error unless the tables and indexes of the database's format version, and nothing else,
// are in it, as TablesSql() makes them.
void CheckSchema(const Database& database);

// Opens a pagesnap file for reading, whoever made it; the statements on the connection are limited
// to the work that a file of this size can need. A table that came after the file's version is
// there as an empty one. Throws Error with one sentence for each thing that it may be instead:
// absent, a directory, empty, no database, another application's, cut off, too new, with other
// tables.
Database OpenSnapshotFile(const std::string& path);

}  // namespace pagesnap

#endif  // LIB_STORE_SCHEMA_H_
