// What makes an SQLite file a pagesnap file.
#ifndef LIB_STORE_SCHEMA_H_
#define LIB_STORE_SCHEMA_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/store/sqlite/database.h"

namespace pagesnap {

inline constexpr int64_t kApplicationId = 0x70677370;  // "pgsp", in the SQLite header
inline constexpr int64_t kFormatVersion = 6;           // user_version
// The first pagesnap release that reads kFormatVersion; each file says so in its table format.
inline constexpr std::string_view kFormatRelease = "0.5.0";

// Writes the marks and the tables into a new database.
void CreateSchema(Database& database);

// Returns statements that give a connection what files of format `version` lack: empty temporary
// tables, and temporary views that hide a table to add columns with their defaults. "" for
// kFormatVersion.
std::string AdditionsSql(int64_t version);

// Returns the format version of an open database (user_version).
int64_t FormatVersionOf(const Database& database);

// Throws Error unless the tables and indexes of the database's format version, and nothing else,
// are in it, as TablesSql() makes them.
void CheckSchema(const Database& database);

// Returns how many bytes the file takes on the disk: a file with holes can be of any size. 0 when
// there is none.
int64_t FileBytes(const std::string& path);

// Opens a pagesnap file for reading, whoever made it. Tables and columns that came after the file's
// version are there (AdditionsSql). Throws Error with one sentence for each thing that it may be
// instead: absent, a directory, empty, no database, another application's, cut off, too new, with
// other tables. `label` names the file in them, "" by its path.
Database OpenSnapshotFile(const std::string& path, const std::string& label = "");

}  // namespace pagesnap

#endif  // LIB_STORE_SCHEMA_H_
