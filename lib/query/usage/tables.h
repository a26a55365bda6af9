// The virtual tables with figures of mappings.
#ifndef LIB_QUERY_USAGE_TABLES_H_
#define LIB_QUERY_USAGE_TABLES_H_

#include "lib/query/scan/analysis_cache.h"
#include "lib/query/sqlite/virtual_table.h"

namespace pagesnap {

// mapping_usage: a row per mapping with the figures of UsageCalculator.
VirtualTable MakeMappingUsageTable(AnalysisCache& cache);
// kernel_usage: a row per mapping with the kernel's own figures for the same.
VirtualTable MakeKernelUsageTable(AnalysisCache& cache);
// swap_usage: a row per mapping and kind of entry in swap format.
VirtualTable MakeSwapUsageTable(AnalysisCache& cache);
// counter: a row per snapshot and counter of the kernel.
VirtualTable MakeCounterTable(AnalysisCache& cache);

// Hands them all to `add`. `cache` is borrowed and must outlive them.
void AddUsageTables(const AddTable& add, AnalysisCache& cache);

}  // namespace pagesnap

#endif  // LIB_QUERY_USAGE_TABLES_H_
