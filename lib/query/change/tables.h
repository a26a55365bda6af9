// The virtual tables that compare two snapshots, with the arguments of change_arguments.h, or a
// process and its parent.
#ifndef LIB_QUERY_CHANGE_TABLES_H_
#define LIB_QUERY_CHANGE_TABLES_H_

#include "lib/query/scan/analysis_cache.h"
#include "lib/query/sqlite/virtual_table.h"

namespace pagesnap {

// page_change: the pages of two snapshots compared, adjacent ones of one class in one row.
VirtualTable MakePageChangeTable(AnalysisCache& cache);
// change_usage: a row per matched range, with what changed and the figures of both sides.
VirtualTable MakeChangeUsageTable(AnalysisCache& cache);
// process_match, mapping_match: which processes and pages correspond, and how that is known.
VirtualTable MakeProcessMatchTable(AnalysisCache& cache);
VirtualTable MakeMappingMatchTable(AnalysisCache& cache);

// fork_usage: a row per mapping of a forked process, with what it still shares with its parent.
VirtualTable MakeForkUsageTable(AnalysisCache& cache);

// Hands them all to `add`. `cache` is borrowed and must outlive them.
void AddChangeTables(const AddTable& add, AnalysisCache& cache);

}  // namespace pagesnap

#endif  // LIB_QUERY_CHANGE_TABLES_H_
