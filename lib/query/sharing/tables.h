// The virtual tables about who has which frames.
#ifndef LIB_QUERY_SHARING_TABLES_H_
#define LIB_QUERY_SHARING_TABLES_H_

#include "lib/query/scan/analysis_cache.h"
#include "lib/query/sqlite/virtual_table.h"

namespace pagesnap {

// frame: a row per referenced frame.
VirtualTable MakeFrameTable(AnalysisCache& cache);
// frame_block(block_frames): a row per block of frames, with who owns most of them.
VirtualTable MakeFrameBlockTable(AnalysisCache& cache);
// frame_fate: a row per mapping and what becomes of its frames.
VirtualTable MakeFrameFateTable(AnalysisCache& cache);
// frame_user: a row per page that maps a frame, by frame.
VirtualTable MakeFrameUserTable(AnalysisCache& cache);
// process_group(group_by): a row per process, with the group that it is in; group_usage(group_by):
// a row per group.
VirtualTable MakeProcessGroupTable(AnalysisCache& cache);
VirtualTable MakeGroupUsageTable(AnalysisCache& cache);
// mapping_sharing: a row per mapping, with whom it shares its frames.
VirtualTable MakeMappingSharingTable(AnalysisCache& cache);
// sharing_group: a row per set of processes that share frames; sharing_group_member: a row per
// process of such a set.
VirtualTable MakeSharingGroupTable(AnalysisCache& cache);
VirtualTable MakeSharingGroupMemberTable(AnalysisCache& cache);

// Hands them all to `add`. `cache` is borrowed and must outlive them.
void AddSharingTables(const AddTable& add, AnalysisCache& cache);

}  // namespace pagesnap

#endif  // LIB_QUERY_SHARING_TABLES_H_
