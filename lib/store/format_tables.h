// The tables of the newest format version, from the text of schema/tables.sql alone: a report must
// not wait until SQLite has made them in a database of its own.
#ifndef LIB_STORE_FORMAT_TABLES_H_
#define LIB_STORE_FORMAT_TABLES_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pagesnap {

struct FormatColumn {
  std::string name;
  std::string type;  // as declared: INTEGER, TEXT or BLOB
};

// Returns schema/tables.sql.
std::string_view TablesSql();

// Returns the tables of kFormatVersion with their columns in order. A file of any version, opened
// by OpenSnapshotFile(), has them all.
const std::map<std::string, std::vector<FormatColumn>>& FormatTables();

// Returns the tables and indexes of kFormatVersion: by kind and name ("table mapping"), what
// SchemaObject() returns.
const std::map<std::string, std::string>& FormatObjects();

// Returns what makes an object, to be compared: the table it belongs to and the CREATE statement
// (tbl_name and sql of sqlite_schema) without comments, and with one blank for each stretch of
// blanks. That keeps the meaning of `sql` if it quotes nothing, as none of tables.sql does.
std::string SchemaObject(std::string_view table, std::string_view sql);

}  // namespace pagesnap

#endif  // LIB_STORE_FORMAT_TABLES_H_
