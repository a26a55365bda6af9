// Everything that the query engine offers to a connection. schema/README.md documents the tables
// and their columns for users.
#ifndef LIB_QUERY_REGISTER_H_
#define LIB_QUERY_REGISTER_H_

#include "lib/base/work_limit.h"
#include "lib/query/scan/analysis_cache.h"
#include "lib/query/sqlite/sqlite_api.h"
#include "lib/query/sqlite/virtual_table.h"

namespace pagesnap {

// Hands all virtual tables to `add`. `cache` is borrowed and must outlive them.
void AddAllTables(const AddTable& add, AnalysisCache& cache);

// Registers all tables and functions, and makes the views. `cache` is borrowed and must outlive the
// connection. `work`, which may be null, is what each call to a table works under. Throws Error.
void RegisterAll(sqlite3* connection, AnalysisCache& cache, WorkLimit* work = nullptr);

}  // namespace pagesnap

#endif  // LIB_QUERY_REGISTER_H_
