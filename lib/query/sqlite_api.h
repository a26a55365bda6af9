// SQLite as the tables see it: linked, or, in the loadable extension, through the pointers of the
// host that loads it.
#ifndef LIB_QUERY_SQLITE_API_H_
#define LIB_QUERY_SQLITE_API_H_

#ifdef PAGESNAP_EXTENSION
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT3
#else
#include <sqlite3.h>
#endif

#endif  // LIB_QUERY_SQLITE_API_H_
