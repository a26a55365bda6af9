// The virtual tables about all RAM of a machine, whoever has it.
#ifndef LIB_QUERY_RAM_TABLES_H_
#define LIB_QUERY_RAM_TABLES_H_

#include "lib/query/scan/analysis_cache.h"
#include "lib/query/sqlite/virtual_table.h"

namespace pagesnap {

// ram_run: frames that follow each other and are alike, in one row.
VirtualTable MakeRamRunTable(AnalysisCache& cache);
// ram_group: a row per kind of frames of a snapshot; ram_free_block: a row per zone and size of
// free blocks.
VirtualTable MakeRamGroupTable(AnalysisCache& cache);
VirtualTable MakeRamFreeBlockTable(AnalysisCache& cache);
// ram_block(block_frames): a row per block of frames, with what is in it.
VirtualTable MakeRamBlockTable(AnalysisCache& cache);

// Hands them all to `add`. `cache` is borrowed and must outlive them.
void AddRamTables(const AddTable& add, AnalysisCache& cache);

}  // namespace pagesnap

#endif  // LIB_QUERY_RAM_TABLES_H_
