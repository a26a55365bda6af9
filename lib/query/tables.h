// The virtual tables and SQL functions over the snapshots of a file. schema/README.md documents
// their columns for users.
#ifndef LIB_QUERY_TABLES_H_
#define LIB_QUERY_TABLES_H_

#include <memory>
#include <vector>

#include "lib/query/snapshot_analysis.h"
#include "lib/query/sqlite/virtual_table.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// Each borrows `reader` or `cache`, which must outlive the connection that the table is registered
// with.

// page: a row per populated page.
std::unique_ptr<VirtualTable> MakePageTable(SnapshotReader& reader);
// page_run: adjacent pages that are alike, in one row.
std::unique_ptr<VirtualTable> MakePageRunTable(SnapshotReader& reader);
// page_group: a row per kind of pages of a mapping.
std::unique_ptr<VirtualTable> MakePageGroupTable(SnapshotReader& reader);
// frame_group: a row per kind of frames of a snapshot.
std::unique_ptr<VirtualTable> MakeFrameGroupTable(AnalysisCache& cache);
// page_run_count: a row per mapping with the number of its rows in page_run.
std::unique_ptr<VirtualTable> MakePageRunCountTable(SnapshotReader& reader);
// physical_run: adjacent pages whose frames are adjacent too, in one row.
std::unique_ptr<VirtualTable> MakePhysicalRunTable(SnapshotReader& reader);
// run_length: a row per mapping and power of two, with its physical runs of such a length.
std::unique_ptr<VirtualTable> MakeRunLengthTable(SnapshotReader& reader);
// folio_usage: a row per mapping with its pages by what folios they are of; folio_order: a row per
// mapping and order of the folios that it maps whole.
std::vector<std::unique_ptr<VirtualTable>> MakeFolioTables(SnapshotReader& reader);
// frame: a row per referenced frame.
std::unique_ptr<VirtualTable> MakeFrameTable(AnalysisCache& cache);
// frame_block(block_frames): a row per block of frames, with who owns most of them.
std::unique_ptr<VirtualTable> MakeFrameBlockTable(AnalysisCache& cache);
// frame_user: a row per page that maps a frame, by frame.
std::unique_ptr<VirtualTable> MakeFrameUserTable(AnalysisCache& cache);
// sharing_group: a row per set of processes that share frames; sharing_group_member: a row per
// process of such a set.
std::unique_ptr<VirtualTable> MakeSharingGroupTable(AnalysisCache& cache);
std::unique_ptr<VirtualTable> MakeSharingGroupMemberTable(AnalysisCache& cache);
// mapping_sharing: a row per mapping, with whom it shares its frames; swap_usage: a row per mapping
// and kind of entry in swap format.
std::unique_ptr<VirtualTable> MakeMappingSharingTable(AnalysisCache& cache);
std::unique_ptr<VirtualTable> MakeSwapUsageTable(AnalysisCache& cache);
// mapping_usage: a row per mapping with the figures of UsageCalculator.
std::unique_ptr<VirtualTable> MakeMappingUsageTable(SnapshotReader& reader);
// kernel_usage: a row per mapping with the kernel's own figures for the same.
std::unique_ptr<VirtualTable> MakeKernelUsageTable(SnapshotReader& reader);
// mapping_span(span_pages): a row per span of a mapping, with how many pages of each kind are in
// it.
std::unique_ptr<VirtualTable> MakeMappingSpanTable(SnapshotReader& reader);
// page_change: the pages of two snapshots compared, adjacent ones of one class in one row.
std::unique_ptr<VirtualTable> MakePageChangeTable(AnalysisCache& cache);
// change_usage: a row per matched range of two snapshots, with what changed and the figures of
// both.
std::unique_ptr<VirtualTable> MakeChangeUsageTable(AnalysisCache& cache);
// process_match, mapping_match: which processes and pages of two snapshots correspond, and how that
// is known.
std::unique_ptr<VirtualTable> MakeProcessMatchTable(AnalysisCache& cache);
std::unique_ptr<VirtualTable> MakeMappingMatchTable(AnalysisCache& cache);
// blob_check: a row per stored blob, verified. usage_check: a row per row of content_usage,
// likewise.
std::unique_ptr<VirtualTable> MakeBlobCheckTable(SnapshotReader& reader);
std::unique_ptr<VirtualTable> MakeUsageCheckTable(SnapshotReader& reader);

// snapshot_file: a row per snapshot, with the file that it is in.
std::unique_ptr<VirtualTable> MakeSnapshotFileTable(SnapshotReader& reader);
// database_check: what PRAGMA integrity_check says of each file.
std::unique_ptr<VirtualTable> MakeDatabaseCheckTable(SnapshotReader& reader);

// Registers all tables and functions, and makes the views. All are borrowed and must outlive the
// connection. `work`, which may be null, is what each call to a table works under. Throws Error.
void RegisterAll(sqlite3* connection, SnapshotReader& reader, AnalysisCache& cache,
                 WorkLimit* work = nullptr);

// Registers the scalar functions:
//   page_address(page, page_size [, offset]) -> '0x7f...': the address of a page number or PFN
//   address_page('0x7f...', page_size) -> the page number of an address
//   address_offset('0x7f...', page_size) -> the offset of an address in its page, in bytes
//   frame_flag_names(flags, kernel_release) -> 'UPTODATE,LRU'
//   human_bytes(n), human_duration(ns), human_count(n) -> text for people
//   mapping_kind(path, perms) -> anonymous, heap, stack, shared memory, file, or kernel ([vdso])
// and the aggregate
//   known_sum(n) -> the sum; 0 of no rows; NULL when one is NULL
// and the collation `address`, by which 0x9 comes before 0x10.
void RegisterFunctions(sqlite3* connection);

}  // namespace pagesnap

#endif  // LIB_QUERY_TABLES_H_
