// Counts what changed in all ranges of a comparison.
#ifndef LIB_QUERY_CHANGE_CHANGE_COUNT_H_
#define LIB_QUERY_CHANGE_CHANGE_COUNT_H_

#include <vector>

#include "lib/query/change/change_analysis.h"
#include "lib/store/read/snapshot_reader.h"

namespace pagesnap {

// Returns what ChangeAnalysis::Range() does, for `count` ranges from `first` on. Two contents that
// many ranges hold side by side are compared once for each way in which they lie; equal ones are
// not decoded where EqualIsUnchanged() and no figures are wanted. All cores; a few contents are in
// memory at a time.
std::vector<RangeChange> CountChanges(SnapshotReader& reader, ChangeAnalysis& analysis,
                                      size_t first, size_t count, bool with_figures);

}  // namespace pagesnap

#endif  // LIB_QUERY_CHANGE_CHANGE_COUNT_H_
