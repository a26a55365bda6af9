// The virtual tables that say whether files are sound.
#ifndef LIB_QUERY_CHECK_TABLES_H_
#define LIB_QUERY_CHECK_TABLES_H_

#include "lib/query/scan/analysis_cache.h"
#include "lib/query/sqlite/virtual_table.h"

namespace pagesnap {

// blob_check: a row per stored blob, verified.
VirtualTable MakeBlobCheckTable(AnalysisCache& cache);
// usage_check: a row per row of content_usage, added up again.
VirtualTable MakeUsageCheckTable(AnalysisCache& cache);
// snapshot_file: a row per snapshot, with the file that it is in.
VirtualTable MakeSnapshotFileTable(AnalysisCache& cache);
// database_check: what PRAGMA integrity_check says of each file.
VirtualTable MakeDatabaseCheckTable(AnalysisCache& cache);

// Hands them all to `add`. `cache` is borrowed and must outlive them.
void AddCheckTables(const AddTable& add, AnalysisCache& cache);

}  // namespace pagesnap

#endif  // LIB_QUERY_CHECK_TABLES_H_
