// Which snapshots a report is about.
#ifndef ANALYZE_SNAPSHOT_CHOICE_H_
#define ANALYZE_SNAPSHOT_CHOICE_H_

#include <cstdint>
#include <cstdio>
#include <vector>

#include "analyze/options.h"
#include "lib/query/session.h"

namespace pagesnap {

// Ids, ascending unless the user wants it otherwise: one snapshot, the two that are compared, or
// all.
using ChosenSnapshots = std::vector<int64_t>;

// Returns the snapshots that the options mean, or the ones that are meant without them: the last
// one; to compare, the last of the first file and the last of all, or the first and the last of a
// single file. Says on `notes` when there are others to choose from. Throws Error for one that is
// not there.
ChosenSnapshots ChooseSnapshots(const AnalyzeOptions& options, Session& session, FILE* notes);

// Returns the files as they stand on the command line.
std::string FileNames(const AnalyzeOptions& options);

}  // namespace pagesnap

#endif  // ANALYZE_SNAPSHOT_CHOICE_H_
