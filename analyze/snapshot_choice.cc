#include "analyze/snapshot_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/error.h"

namespace pagesnap {
namespace {

// Returns `number`, which is an id: ids count from 1 over all files.
int64_t Existing(int64_t number, const std::string& files,
                 const std::vector<SnapshotInfo>& snapshots) {
  const bool exists = std::any_of(snapshots.begin(), snapshots.end(),
                                  [&](const SnapshotInfo& info) { return info.id == number; });
  if (exists) return number;
  throw Error(fmt::format(
      "{} has no snapshot {}; it has {}", files, number,
      snapshots.size() == 1 ? "only snapshot 1" : fmt::format("1 to {}", snapshots.size())));
}

ChosenSnapshots ChooseOne(const SnapshotNumbers& wanted, const std::string& files,
                          const std::vector<SnapshotInfo>& snapshots, const Notes& notes) {
  if (wanted.one) return {Existing(*wanted.one, files, snapshots)};
  if (snapshots.size() > 1) {
    notes.Add(fmt::format("{} has {} snapshots, this is the last; --snapshot N shows another",
                          files, snapshots.size()));
  }
  return {snapshots.back().id};
}

// Returns the last snapshot of the first file.
int64_t LastOfFirstFile(SnapshotReader& reader) {
  int64_t last = reader.snapshots().front().id;
  for (const SnapshotInfo& info : reader.snapshots()) {
    if (reader.sources().front().Local(IdSpace::kSnapshot, info.id)) last = info.id;
  }
  return last;
}

ChosenSnapshots ChooseTwo(const SnapshotNumbers& wanted, const std::string& files,
                          SnapshotReader& reader, const Notes& notes) {
  const std::vector<SnapshotInfo>& snapshots = reader.snapshots();
  if (snapshots.size() < 2 && !(wanted.before && wanted.after)) {
    throw Error(
        fmt::format("{} has one snapshot, and it takes two to compare: name a second file, or "
                    "capture several into one with --interval and --count",
                    files));
  }
  const bool one_file = reader.sources().size() == 1;
  const int64_t first = one_file ? snapshots.front().id : LastOfFirstFile(reader);
  const int64_t before = wanted.before ? Existing(*wanted.before, files, snapshots) : first;
  const int64_t after =
      wanted.after ? Existing(*wanted.after, files, snapshots) : snapshots.back().id;
  if (!wanted.before && !wanted.after && snapshots.size() > 2) {
    notes.Add(
        fmt::format("of {} snapshots, these are {} and {}; --before N and --after N compare "
                    "others",
                    snapshots.size(), before, after));
  }
  return {before, after};
}

void CheckOneProcess(const Report& report, const ChosenSnapshots& snapshots,
                     const std::string& files, const Database& database) {
  Statement statement(database,
                      "SELECT COUNT(*) FROM process WHERE snapshot_id = ? AND mapping_count > 0");
  statement.Bind(1, snapshots.back());
  statement.Step();
  if (statement.Int(0) <= 1) return;
  throw UsageError(
      fmt::format("{} shows one process, and {} has {}; say which with --pid N ('analyze processes "
                  "{}' lists them)",
                  report.name, files, statement.Int(0), files));
}

// Returns the process whose memory `pid` has: itself, or that of another one, of which a note says.
std::string OwnerOf(const std::string& pid, const ChosenSnapshots& snapshots,
                    const std::string& files, const Database& database, const Notes& notes) {
  Statement statement(database,
                      "SELECT m.pid, m.name FROM process p LEFT JOIN process m ON m.id = "
                      "p.memory_process_id WHERE p.snapshot_id = ? AND p.pid = ?");
  std::optional<std::string> owner;
  for (const int64_t id : snapshots) {
    statement.Reset();
    statement.Bind(1, id);
    statement.Bind(2, std::string_view(pid));
    if (!statement.Step()) continue;
    if (statement.IsNull(0)) return pid;
    owner = std::to_string(statement.Int(0));
  }
  if (!owner) {
    throw Error(fmt::format("process {} is not in {}; 'analyze processes {}' lists those that are",
                            pid, files, files));
  }
  notes.Add(fmt::format("process {} has the address space of process {}: this is about both", pid,
                        *owner));
  return *owner;
}

}  // namespace

ChosenSnapshots ChooseSnapshots(ReportScope scope, const SnapshotNumbers& wanted,
                                const std::string& files, SnapshotReader& reader,
                                const Notes& notes) {
  if (scope == ReportScope::kNone) return {};
  const std::vector<SnapshotInfo>& snapshots = reader.snapshots();
  if (snapshots.empty()) throw Error(fmt::format("{} has no snapshot", files));
  if (scope == ReportScope::kOne) return ChooseOne(wanted, files, snapshots, notes);
  if (scope == ReportScope::kTwo) return ChooseTwo(wanted, files, reader, notes);
  ChosenSnapshots all;
  for (const SnapshotInfo& info : snapshots) all.push_back(info.id);
  return all;
}

ParameterValues ChooseProcess(const Report& report, ParameterValues values,
                              const ChosenSnapshots& snapshots, const std::string& files,
                              const Database& database, const Notes& notes) {
  auto pids = values.find("pid");
  if (pids == values.end()) {
    if (report.one_process) CheckOneProcess(report, snapshots, files, database);
    return values;
  }
  if (report.one_process && pids->second.size() > 1) {
    throw UsageError(fmt::format("{} shows one process; say which with one --pid", report.name));
  }
  for (std::string& pid : pids->second) pid = OwnerOf(pid, snapshots, files, database, notes);
  return values;
}

}  // namespace pagesnap
