// Which snapshots and which process a report is about. `files` are the files as on the command
// line, for messages.
#ifndef ANALYZE_SNAPSHOT_CHOICE_H_
#define ANALYZE_SNAPSHOT_CHOICE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyze/notes.h"
#include "analyze/report.h"
#include "lib/store/read/snapshot_reader.h"
#include "lib/store/sqlite/statement.h"

namespace pagesnap {

// The numbers on the command line. They count from 1 over all files.
struct SnapshotNumbers {
  std::optional<int64_t> one;     // of a report about one
  std::optional<int64_t> before;  // of a report that compares two
  std::optional<int64_t> after;
};

// Returns the snapshots that are wanted, or the defaults: the last one; to compare, the last of the
// first file and the last of all, or the first and the last of a single file. Notes when there are
// others to choose from. Throws Error for one that does not exist.
ChosenSnapshots ChooseSnapshots(ReportScope scope, const SnapshotNumbers& wanted,
                                const std::string& files, SnapshotReader& reader,
                                const Notes& notes);

// Returns `values`, with --pid replaced by the process that has the mappings where several share
// one address space; notes so. Throws Error when none of the snapshots has the process of --pid,
// and UsageError when the report needs --pid because there are several processes.
ParameterValues ChooseProcess(const Report& report, ParameterValues values,
                              const ChosenSnapshots& snapshots, const std::string& files,
                              const Database& database, const Notes& notes);

}  // namespace pagesnap

#endif  // ANALYZE_SNAPSHOT_CHOICE_H_
