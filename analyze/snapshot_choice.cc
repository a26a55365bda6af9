#include "analyze/snapshot_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/error.h"
#include "lib/base/print.h"

namespace pagesnap {
namespace {

// Returns the number as an id, which it is: ids count from 1 over all files.
int64_t Existing(int64_t number, const AnalyzeOptions& options,
                 const std::vector<SnapshotInfo>& snapshots) {
  const bool exists = std::any_of(snapshots.begin(), snapshots.end(),
                                  [&](const SnapshotInfo& info) { return info.id == number; });
  if (exists) return number;
  throw Error(fmt::format("{} has no snapshot {}, only 1 to {}", FileNames(options), number,
                          snapshots.size()));
}

ChosenSnapshots ChooseOne(const AnalyzeOptions& options, const std::vector<SnapshotInfo>& snapshots,
                          FILE* notes) {
  if (options.snapshot) return {Existing(*options.snapshot, options, snapshots)};
  if (snapshots.size() > 1) {
    PrintMessage(notes,
                 fmt::format("note: {} has {} snapshots, this is the last; --snapshot N shows "
                             "another",
                             FileNames(options), snapshots.size()));
  }
  return {snapshots.back().id};
}

// Returns the last snapshot of the first file.
int64_t LastOfFirstFile(Session& session) {
  const std::vector<SnapshotInfo>& snapshots = session.reader().snapshots();
  int64_t last = snapshots.front().id;
  for (const SnapshotInfo& info : snapshots) {
    if (session.reader().sources().front().Local(IdSpace::kSnapshot, info.id)) last = info.id;
  }
  return last;
}

ChosenSnapshots ChooseTwo(const AnalyzeOptions& options, Session& session, FILE* notes) {
  const std::vector<SnapshotInfo>& snapshots = session.reader().snapshots();
  if (snapshots.size() < 2 && !(options.before && options.after)) {
    throw Error(
        fmt::format("{} has one snapshot, and it takes two to compare: name a second file, or "
                    "capture several into one with --interval and --count",
                    FileNames(options)));
  }
  const bool one_file = session.reader().sources().size() == 1;
  const int64_t first = one_file ? snapshots.front().id : LastOfFirstFile(session);
  const int64_t before = options.before ? Existing(*options.before, options, snapshots) : first;
  const int64_t after =
      options.after ? Existing(*options.after, options, snapshots) : snapshots.back().id;
  if (!options.before && !options.after && snapshots.size() > 2) {
    PrintMessage(notes, fmt::format("note: of {} snapshots, these are {} and {}; --before N and "
                                    "--after N compare others",
                                    snapshots.size(), before, after));
  }
  return {before, after};
}

}  // namespace

ChosenSnapshots ChooseSnapshots(const AnalyzeOptions& options, Session& session, FILE* notes) {
  const std::vector<SnapshotInfo>& snapshots = session.reader().snapshots();
  if (snapshots.empty()) throw Error(fmt::format("{} has no snapshot", FileNames(options)));
  switch (options.report->scope) {
    case ReportScope::kTwo:
      return ChooseTwo(options, session, notes);
    case ReportScope::kAll: {
      ChosenSnapshots all;
      for (const SnapshotInfo& info : snapshots) all.push_back(info.id);
      return all;
    }
    default:
      return ChooseOne(options, snapshots, notes);
  }
}

std::string FileNames(const AnalyzeOptions& options) {
  return fmt::format("{}", fmt::join(options.files, " "));
}

}  // namespace pagesnap
