// SQLite as the tables see it: always through the pointers that a host gives its extensions, so
// that one object serves both, the loadable extension in anybody's SQLite and the tools with the
// library that they are linked with.
#ifndef LIB_QUERY_SQLITE_SQLITE_API_H_
#define LIB_QUERY_SQLITE_SQLITE_API_H_

#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT3

namespace pagesnap {

// Points every call of the tables to the SQLite that this program is linked with. To be called
// before a table is registered; any thread may, again and again. Throws Error where that SQLite
// was built without extensions. The extension does not call it: its host says what to use.
void UseLinkedSqlite();

}  // namespace pagesnap

#endif  // LIB_QUERY_SQLITE_SQLITE_API_H_
