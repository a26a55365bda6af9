// The virtual tables about the pages of mappings and the frames that they are in.
#ifndef LIB_QUERY_PAGES_TABLES_H_
#define LIB_QUERY_PAGES_TABLES_H_

#include "lib/query/scan/analysis_cache.h"
#include "lib/query/sqlite/virtual_table.h"

namespace pagesnap {

// page: a row per populated page.
VirtualTable MakePageTable(AnalysisCache& cache);
// page_run: adjacent pages that are alike, in one row; page_run_count: a row per mapping with the
// number of its rows in page_run.
VirtualTable MakePageRunTable(AnalysisCache& cache);
VirtualTable MakePageRunCountTable(AnalysisCache& cache);
// page_group: a row per kind of pages of a mapping; frame_group: a row per kind of frames of a
// snapshot.
VirtualTable MakePageGroupTable(AnalysisCache& cache);
VirtualTable MakeFrameGroupTable(AnalysisCache& cache);
// physical_run: adjacent pages whose frames are adjacent too, in one row; run_length: a row per
// mapping and power of two, with its physical runs of such a length.
VirtualTable MakePhysicalRunTable(AnalysisCache& cache);
VirtualTable MakeRunLengthTable(AnalysisCache& cache);
// folio_usage: a row per mapping with its pages by what folios they are of; folio_order: a row per
// mapping and order of the folios that it maps whole.
VirtualTable MakeFolioUsageTable(AnalysisCache& cache);
VirtualTable MakeFolioOrderTable(AnalysisCache& cache);
// mapping_span(span_pages): a row per span of a mapping, with how many pages of each kind are in
// it.
VirtualTable MakeMappingSpanTable(AnalysisCache& cache);

// Hands them all to `add`. `cache` is borrowed and must outlive them.
void AddPageTables(const AddTable& add, AnalysisCache& cache);

}  // namespace pagesnap

#endif  // LIB_QUERY_PAGES_TABLES_H_
